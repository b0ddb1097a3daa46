#!/bin/bash
# serve --one-process: 12 disks of one process and two threads. Each has its own data; one can be
# removed, resized or quiesced while the others go on; a process that was killed gets its disks back
# from the next one.
# any kernel
# limit: 180
. "${0%/*}/functions.sh"
requires jq fio

{
  for n in {1..10}; do
    printf '[device.m%d]\ntarget = "mem"\nsize = "8M"\ndepth = 16\n\n' "$n"
  done
  for n in {1..2}; do
    truncate -s 8M "$work/f$n.img"
    printf '[device.f%d]\ntarget = "file"\npath = "f%d.img"\nrecovery = "wait"\n\n' "$n" "$n"
  done
} >devices.toml
"$ASHLAR" serve --one-process --threads 2 devices.toml >said 2>err &
service=$!
trap 'kill -9 $service 2>/dev/null || true; "$ASHLAR" del --all --force || true' EXIT
wait_for 120 has_line '^/dev/ublkb[0-9]+ f2 added$' said
[ "$("$ASHLAR" list --json | jq '[.devices[] | select(.state == "live")] | length')" -eq 12 ] ||
  fail "$("$ASHLAR" list)"
node_of() { "$ASHLAR" show "$1" --json | jq -r .node; }
threads=$(find "/proc/$service/task" -mindepth 1 -maxdepth 1 -exec cat {}/comm \; | grep -c '^ashlar t')
[ "$threads" -eq 2 ] || fail "$threads serving threads"

# What such a process does not need it has given up, in all of its threads.
for thread in "/proc/$service"/task/*/status; do
  has_line '^NoNewPrivs:[[:space:]]1$' "$thread" || fail "$thread may get privileges"
  has_line '^Seccomp:[[:space:]]2$' "$thread" || fail "$thread is not filtered"
  # sys_admin, sys_ptrace, kill, dac_override and dac_read_search.
  for set in CapPrm CapEff CapBnd; do
    has_line "^$set:[[:space:]]0*280026\$" "$thread" || fail "$thread: $(grep "^$set" "$thread")"
  done
done
"$ASHLAR" show m1 >shown
has_line '^confined: .*no capabilities but sys_admin, .*; system calls filtered; restricted rings' shown ||
  fail "show says: $(<shown)"
[ "$("$ASHLAR_TESTS_BIN/injected_call" "$service" fork)" = EPERM ] || fail "it may start processes"

# Each its own data.
for n in {0..11}; do printf 'this is disk %-500d\n' "$n" 1<>"/dev/ublkb$n"; done
for n in {0..11}; do
  read -r line <"/dev/ublkb$n"
  [ "$line" = "this is disk $n" ] || fail "/dev/ublkb$n has: $line"
done

# Load on two while others go.
fio --name=load --rw=randwrite --bs=4k --size=8M --time_based --runtime=2 --direct=1 \
  --ioengine=libaio --iodepth=8 --verify=crc32c --verify_backlog=64 --output=fio.out \
  --filename="$(node_of m10)" >/dev/null 2>&1 &
load=$!
"$ASHLAR" del m1
"$ASHLAR" del m2 m3
wait_for 30 bash -c "! '$ASHLAR' show m3 >/dev/null 2>&1"
[ "$("$ASHLAR" stats m10 --json | jq '.queues[0].requests')" -gt 0 ] || fail "no requests"
if ! kernel_is_before 6.16; then
  "$ASHLAR" resize m4 16M >/dev/null 2>resize.err || fail "$(<resize.err)"
  [ "$(blockdev --getsize64 "$(node_of m4)")" -eq $((16 << 20)) ] || fail "size"
fi
# What the file asks for no more goes, and what it asks for anew comes.
sed -i 's/^\[device.m5\]/[device.n5]/' devices.toml
kill -HUP $service
wait_for 60 has_line ' n5 added$' said
wait_for 60 has_line ' m5 removed$' said
wait $load || fail "the load failed: $(<fio.out)"

# After a crash the next process takes back what waits, and makes the others anew.
printf 'kept %-500d\n' 7 1<>"$(node_of f2)"
sync "$(node_of f2)"
kill -9 $service
wait $service || true
wait_for 60 bash -c "[ \"\$('$ASHLAR' list --json | jq '[.devices[] | select(.state == \"quiesced\")] | length')\" -eq 2 ]"
sed -i 's/^\[device.m6\]/[device.n6]/' devices.toml
"$ASHLAR" serve --one-process devices.toml >said 2>err &
service=$!
wait_for 120 has_line ' f2 recovered$' said
wait_for 120 has_line ' m9 added$' said
# One that the old process has left dead can be had again by those that stay.
sed -i 's/^\[device.n6\]/[device.m6]/' devices.toml
kill -HUP $service
wait_for 60 has_line ' m6 added$' said
read -r line <"$(node_of f2)"
[ "${line%% *}" = kept ] || fail "f2 has: $line"

# A disk in use keeps it from ending.
exec {user}<"$(node_of m9)"
kill $service
wait_for 60 has_line 'in use|busy|open' err
wait_for 60 bash -c "[ \"\$('$ASHLAR' list --json | jq '.devices | length')\" -eq 1 ]"
exec {user}<&-
wait $service || fail "status $?: $(<err)"
[ -z "$("$ASHLAR" list)" ] || fail "$("$ASHLAR" list)"
