#!/bin/bash
# Every command of ashlar's against every device that can't answer: each ends in its time limit, with
# status 0, or with 1 and an error that says what to do; a device can be removed from each of these
# states, and nothing is left. ASHLAR_LAB_MATRIX is a pattern for states (all).
# A device that a command has changed is made anew for the next.
# by hand
# limit: 3600
. "${0%/*}/functions.sh"
requires mkfs.ext4 flock jq

# (A disk without a server counts no requests in "inflight".)
writer_waits() { local stat; read -r stat <"/proc/$writer/stat"; [[ $stat = *') D '* ]]; }
# Also one that this shell has not waited for yet.
has_exited() {
  local stat=''
  read -r stat 2>/dev/null <"/proc/$1/stat" || true
  [[ -z $stat || $stat = *') Z '* ]]
}
is_held() { [ "$(readlink "/proc/$1/exe")" != "$(readlink -f "$BASH")" ]; }
# What a state leaves to be ended: processes that are stopped, a writer, a holder, mounts.
stopped=() writer='' holder='' mounted='' locker=''

stop_process() { kill -STOP "$1"; stopped+=("$1"); }
write_to_it() {
  dd if=/dev/zero of="$disk" bs=4k count=1 oflag=direct status=none 2>dd.err &
  writer=$!
  wait_for 20 writer_waits
}
# shellcheck disable=SC2217 # it is to hold the disk, not to read it
hold() { sleep 1000 <"$disk" & holder=$!; wait_for 20 is_held $holder; }
mount_it() { mkfs.ext4 -q "$disk"; mount -t ext4 "$disk" mnt; mounted=mnt; }
touch_it() { touch mnt/x 2>/dev/null & writer=$!; wait_for 20 writer_waits; }
kill_server() { kill -KILL "$server"; wait_for 60 has_state "$id" "$1"; }
full_run() {
  mount -t tmpfs -o size=64k none full
  export ASHLAR_RUN_DIR=$PWD/full
}
fill_run() { dd if=/dev/zero of=full/filler bs=4k status=none 2>/dev/null || true; }
broker_of() { pgrep -n -x 'ashlar broker'; }

declare -A make=(
  [held]='add mem 64M; hold'
  [mounted]='add mem 64M; mount_it'
  [dead]='add mem 64M; kill_server dead'
  [dead-held]='add mem 64M; hold; kill_server dead'
  [dead-mounted]='add mem 64M; mount_it; kill_server dead'
  [waits]='add null 64M; kill_server quiesced'
  [waits-busy]='add null 64M; kill_server quiesced; write_to_it'
  [waits-mounted]='add file image; mount_it; kill_server quiesced; touch_it'
  [stopped]='add mem 64M; stop_process "$server"'
  [stopped-busy]='add mem 64M; stop_process "$server"; write_to_it'
  [stopped-null-busy]='add null 64M; stop_process "$server"; write_to_it'
  [stopped-supervised]='add mem 64M --supervise; stop_process "$server"; write_to_it'
  [stopped-keeper]='add mem 64M --supervise; stop_process "$(show_number keeper)"'
  [stopped-keeper-dead]='add mem 64M --supervise; stop_process "$(show_number keeper)"; kill_server quiesced'
  [stopped-broker]='add mem 64M; stop_process "$(broker_of)"'
  [stopped-all]='add mem 64M --supervise; stop_process "$(show_number keeper)"; stop_process "$(broker_of)"; stop_process "$server"'
  [full-run]='full_run; add mem 64M --supervise; fill_run'
  [full-run-dead]='full_run; add mem 64M; fill_run; kill_server dead'
  [full-run-waits]='full_run; add null 64M; fill_run; kill_server quiesced'
  [full-run-stopped]='full_run; add null 64M; fill_run; stop_process "$server"; write_to_it'
  [locked-run]='add null 64M; flock /run/ashlar/lock sleep 1000 & locker=$!; wait_for 20 is_locked'
)
is_locked() { ! flock -n /run/ashlar/lock true; }

# Seconds that a command may take at most, and its words; ID is the device's number. What has a limit
# of its own is given a short one.
commands=(
  '10 list' '10 list --json' '20 show ID' '20 show ID --json' '20 stats ID' '60 why ID'
  '60 doctor' '60 add null 16M' '100 resize ID 128M' '60 recover ID' '60 recover --all'
  '60 upgrade ID' '60 upgrade --all' '60 del ID --timeout 3' '60 del --dead --timeout 3'
  '60 del --all --timeout 3' '60 del ID --force --timeout 3'
)

# asks LIMIT WORD...: prints its line of the table.
asks() {
  local limit=$(($1 * patience)) status=0 since=${EPOCHREALTIME/./} took pid
  shift
  "$ASHLAR" "$@" >out 2>err </dev/null &
  pid=$!
  until has_exited $pid; do
    [ $((${EPOCHREALTIME/./} - since)) -lt $((limit * 1000000)) ] ||
      fail "$state: ashlar $*: has not ended after $limit s: $(<"/proc/$pid/stat")" \
        "$(cat "/proc/$pid/task"/*/stack) it said: $(<out) $(<err)"
    pause 0.02
  done
  wait $pid || status=$?
  took=$(((${EPOCHREALTIME/./} - since) / 1000))
  echo "figure: $state: $*: status $status, $took ms: $(head -n 1 err | cut -c1-150)"
  case $status in
    0) ;;
    1)
      # What the doctor finds is what it prints.
      if [ "$1" = doctor ]; then
        has_line ' do: ' out || fail "$state: ashlar doctor: no clear answer: $(<out)"
      elif ! has_line '^ashlar: ' err || ! has_line '^  do:  ' err; then
        fail "$state: ashlar $*: no clear answer: $(<err)"
      fi
      ;;
    *) fail "$state: ashlar $*: status $status: $(<err)" ;;
  esac
  answer=$status
}

# Puts an end to what is there, first by force, while all is as it was.
clear_away() {
  [ -z "$(list_state)" ] || asks 90 del --all --force --timeout 3
  local p
  for p in "${stopped[@]}"; do kill -CONT "$p" 2>/dev/null || true; done
  stopped=()
  [ -z "$holder" ] || { kill "$holder"; wait "$holder" || true; }
  [ -z "$locker" ] || { kill "$locker"; pkill -x sleep; wait "$locker" || true; }
  [ -z "$writer" ] || wait "$writer" || true
  [ -z "$mounted" ] || umount "$mounted"
  holder='' locker='' mounted='' writer=''
  [ -z "$(list_state)" ] || asks 90 del --all --force --timeout 3
  wait_for 60 nothing_is_left
  if [ -n "${ASHLAR_RUN_DIR-}" ]; then
    unset ASHLAR_RUN_DIR
    umount full
  fi
  rm -f image
}
nothing_is_left() {
  local left f
  left=$(pgrep -a ashlar || true)
  for f in /sys/class/ublk-char/* /dev/ublk[bc]* "${ASHLAR_RUN_DIR-/run/ashlar}"/*; do
    case ${f##*/} in lock | filler | \* | *'[bc]*') ;; *) left+=" $f" ;; esac
  done
  [ -z "$left" ] || { echo "$state: left: $left" >&2; return 1; }
}

patience=${ASHLAR_LAB_PATIENCE:-1}
mkdir mnt full
count=0
for state in "${!make[@]}"; do
  # shellcheck disable=SC2053 # a pattern it is
  [[ $state = ${ASHLAR_LAB_MATRIX:-*} ]] || continue
  usual=''
  for command in "${commands[@]}"; do
    if [ -z "$usual" ]; then
      truncate -s 64M image
      eval "${make[$state]}"
      usual=$(list_state "$id")
    fi
    read -ra words <<<"${command//ID/$id}"
    asks "${words[@]}"
    count=$((count + 1))
    [ "${words[0]}" != add ] || [ "$answer" -ne 0 ] || "$ASHLAR" del "$(sed 's/[^0-9]*//' out)"
    # Somebody has changed the state: the next command gets a device of its own.
    [ "$(list_state "$id")" = "$usual" ] || { clear_away; usual=''; }
  done
  [ -z "$usual" ] || clear_away
done
[ $count -gt 0 ] || fail "no such state"
echo "figure: kernel $(uname -r): $count pairs of state and command, each in its time"
