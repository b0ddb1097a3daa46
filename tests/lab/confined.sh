#!/bin/bash
# A server in the background has given up what it does not need, in all of its threads, after a
# recovery and an upgrade, too; show says so, and a call in its name is refused. Its broker has what
# it lacks: it is resized, handed back, also where the run directory is full, writes its record, names
# who has its disk, and ends. Without its broker it serves on, gets another by an upgrade, and ends; its
# record stays, and the device is served again by it.
# limit: 240
# any kernel
. "${0%/*}/functions.sh"
requires pgrep

# In the name of the process `pid`.
try_call() { "$ASHLAR_TESTS_BIN/injected_call" "$pid" "$@"; }
check_call() { # OUTCOME CALL...
  local outcome
  outcome=$(try_call "${@:2}")
  [ "$outcome" = "$1" ] || fail "${*:2}: $outcome instead of $1"
}
has_broker() { pgrep -x 'ashlar broker' >brokers; }
record() { echo "${ASHLAR_RUN_DIR-/run/ashlar}/$id.json"; }
of_record() { sed -E "s/.*\"$1\":([0-9]+).*/\1/" "$(record)"; }
is_without_broker() { ! has_broker; }

# Its rings do what a server does with them and nothing else; from 7.0 on, those that it would make.
check_rings() {
  local process thread found ring outcome rings=0 expected=EFAULT
  process=/proc/$pid
  thread=$(grep -l 'q0$' "$process"/task/*/comm)
  thread=${thread%/comm}
  mapfile -t found < <(find "$process/fd" -lname 'anon_inode:*io_uring*' -printf '%f\n')
  for ring in "${found[@]}"; do
    outcome=$("$ASHLAR_TESTS_BIN/injected_call" "${thread##*/}" register "$ring")
    # Another thread's ring is none of its business in any case.
    case $outcome in
      EACCES) rings=$((rings + 1)) ;;
      EEXIST) ;;
      *) fail "a ring of $thread: $outcome" ;;
    esac
  done
  [ "$rings" -eq 1 ] || fail "$rings restricted rings of $thread"
  kernel_is_before 7.0 || expected=EACCES
  check_call "$expected" new-ring
}

check_confined() {
  local thread set
  pid=$(show_number pid)
  for thread in /proc/"$pid"/task/*/status; do
    has_line '^NoNewPrivs:[[:space:]]1$' "$thread" || fail "$thread may get privileges"
    has_line '^Seccomp:[[:space:]]2$' "$thread" || fail "$thread is not filtered"
    for set in CapPrm CapEff CapBnd CapInh CapAmb; do
      has_line "^$set:[[:space:]]0+\$" "$thread" || fail "$thread: $(grep "^$set" "$thread")"
    done
  done
  [ "$(<"/proc/$pid/oom_score_adj")" -eq -900 ] || fail "its out-of-memory score"
  "$ASHLAR" show "$id" >shown
  has_line '^confined: .*score -900; no new privileges; no files but its own; no capabilities; system calls filtered; restricted rings' \
    shown || fail "show says: $(<shown)"
  check_call EACCES open /etc/shadow
  check_call EACCES open /dev/ublk-control
  # Its own record it may read, and nobody's it may write: that is its broker's.
  check_call allowed open "$(record)"
  check_call EACCES write "$(record)"
  check_call EACCES remove "$(record)"
  check_call EACCES write "${ASHLAR_RUN_DIR-/run/ashlar}/lock"
  check_call EPERM exec /bin/sh
  check_call EPERM fork
  # What it needs it still may: so the refusals are no accident of the way they are made.
  check_call allowed open "/sys/block/ublkb$id/stat"
}

: >/etc/shadow
add mem 64M --supervise --queues 2
check_confined
check_rings
kill -KILL "$server"
wait_for 60 has_state "$id" live
check_confined
check_rings
"$ASHLAR" upgrade "$id"
check_confined
if ! kernel_is_before 6.16; then
  "$ASHLAR" resize "$id" 96M
  [ "$(blockdev --getsize64 "$disk")" -eq $((96 << 20)) ] || fail "not resized"
  [ "$(of_record size)" -eq $((96 << 20)) ] || fail "its record: $(<"$(record)")"
fi
# Its broker's end is no end of the device.
has_broker || fail "there is no broker"
created=$(of_record created)
pkill -KILL -x 'ashlar broker'
dd if=/dev/urandom of="$disk" bs=64k count=4 oflag=direct status=none
"$ASHLAR" upgrade "$id"
has_broker || fail "no new broker"
[ "$(of_record created)" = "$created" ] || fail "its record: $(<"$(record)")"
check_confined
remove
wait_for 20 is_without_broker

mkdir run
mount -t tmpfs -o size=64k tmpfs run
export ASHLAR_RUN_DIR=$work/run
truncate -s 64M image
chmod 600 image
chown 1000 image
add file image
check_confined
server=$(show_number pid)
# Told to let go, and nobody comes: it serves on, whether its record can be written or not.
echo >>"run/$id.log"
head -c 64k /dev/zero >run/ballast 2>/dev/null && fail "there is room"
kill -USR1 "$server"
wait_for 60 has_line 'is served again' "run/$id.log"
rm run/ballast
dd if=/dev/urandom of="$disk" bs=64k count=4 oflag=direct conv=fsync status=none
cmp -n $((256 << 10)) image "$disk"
check_confined
"$ASHLAR" list >listed
# Told to end while somebody has the disk: it says who.
exec {held}<"$disk"
kill -TERM "$server"
wait_for 30 has_line "open by .*pid $$" "run/$id.log"
exec {held}<&-
wait_for 30 is_gone "$disk"
wait_for 30 has_ended "$server"
wait_for 20 is_without_broker

# Without its broker it ends when it is told to; its record is there for the next server.
add file image
pkill -KILL -x 'ashlar broker'
kill -TERM "$server"
wait_for 30 has_ended "$server"
wait_for 30 has_state "$id" quiesced
"$ASHLAR" recover "$id"
check_confined
cmp -n $((256 << 10)) image "$disk"
remove
wait_for 20 is_without_broker
[ "$(ls run)" = lock ] || fail "it left: $(ls run)"
umount run
unset ASHLAR_RUN_DIR

# In the foreground a server stays as it was started.
serve "$ASHLAR" run mem 16M
"$ASHLAR" show "$id" >shown
has_line '^confined: *no$' shown || fail "show says: $(<shown)"
pid=$server
[ "$(try_call open /etc/shadow)" = allowed ] || fail "the call is refused to anybody"
check_call EFAULT new-ring
end_server
rm /etc/shadow
