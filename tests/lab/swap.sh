#!/bin/bash
# Swap on a RAM disk whose server shares a limit of memory with a program that wants more than there
# is: it moves on, nothing is killed, and no page changes. ASHLAR_LAB_SWAP_SECONDS says how long (12).
# With ASHLAR_LAB_MEMORY=640 it is the memory of the whole guest that is short. Negative control, with
# that: ASHLAR_LAB_SWAP_UNLOCKED=1, the server's memory is not locked. Its own pages are swapped to
# its own disk then, and nothing moves, which the test says, or the lab, where the guest hangs whole.
# any kernel
# limit: 200
. "${0%/*}/functions.sh"
requires mkswap swapon
group=/sys/fs/cgroup/ashlar-test
[ -e /sys/fs/cgroup/cgroup.controllers ] || skip "no control groups of version 2"

seconds=${ASHLAR_LAB_SWAP_SECONDS:-12}
how=() unlocked=${ASHLAR_LAB_SWAP_UNLOCKED-}
[ -z "$unlocked" ] || how=(--no-lock)
whole=${ASHLAR_LAB_MEMORY-}
# The limit of a group makes the hog so slow that the server's pages may never be wanted.
[ -z "$unlocked" ] || [ -n "$whole" ] || fail "the control needs ASHLAR_LAB_MEMORY=640"
mkdir $group
[ -e $group/memory.swap.max ] || { rmdir $group; skip "no control of swap"; }
# In a subshell of its own, whose process becomes the command.
in_group() { exec "$BASH" -c 'echo $$ >'$group'/cgroup.procs && exec "$@"' in_group "$@"; }
of_vmstat() { awk -v name="$1" '$1 == name { print $2 }' /proc/vmstat; }

disk=$(in_group "$ASHLAR" add mem 160M --queues 2 "${how[@]}")
id=${disk#/dev/ublkb}
server=$(show_number pid)
# All of its memory is there before it is short.
head -c 160M /dev/urandom | dd of="$disk" bs=1M iflag=fullblock oflag=direct status=none
mkswap "$disk" >made
swapon "$disk"
if [ -n "$whole" ]; then
  wanted=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) + 96 }' /proc/meminfo)
else
  # Not memory.max: where the guest is slow the kernel kills for that although all goes on.
  echo 240M >$group/memory.high
  wanted=160
fi
out_before=$(of_vmstat pswpout) in_before=$(of_vmstat pswpin)
# By a pipe: a file's pages would be swapped out, too.
exec {progress}< <(in_group "$ASHLAR_TESTS_BIN/memory_hog" "$wanted" "$seconds")
hog=$! touched='' status=0
while read -r -t 60 -u "$progress" line || { status=$? && false; }; do touched=$line; done
[ $status -le 128 ] || fail "HANG: nothing has moved for a minute; the server's threads and the hog wait in:" \
  "$(head -n 6 "/proc/$server/task/"*/stack "/proc/$hog/stack")"
wait $hog || fail "the hog has ended with status $?: $touched"
out=$(($(of_vmstat pswpout) - out_before)) in=$(($(of_vmstat pswpin) - in_before))
echo "figure: kernel $(uname -r): swap on a RAM disk for $seconds s${whole:+ in a guest of $whole MiB}: $touched pages touched," \
  "$out swapped out and $in in"
((out > 4096 && in > 1024)) || fail "there was no pressure: $out pages out, $in in"
grep -qE '^oom_kill 0$' $group/memory.events || fail "killed: $(<$group/memory.events)"
swapoff "$disk"
remove
wait_for 30 rmdir $group
