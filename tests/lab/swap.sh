#!/bin/bash
# Swap on a RAM disk whose server shares a limit of memory with a program that wants more than there
# is: it moves on, nothing is killed, and no page changes. ASHLAR_LAB_SWAP_SECONDS says how long (12).
# With ASHLAR_LAB_MEMORY=640 it is the memory of the whole guest that is short. Negative control:
# ASHLAR_LAB_SWAP_UNLOCKED=1, the server's memory is not locked. Its own pages are swapped to its own
# disk then, and the test says that nothing moves.
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
mkdir $group
[ -e $group/memory.swap.max ] || { rmdir $group; skip "no control of swap"; }
in_group() { "$BASH" -c 'echo $$ >'$group'/cgroup.procs && exec "$@"' in_group "$@"; }
of_vmstat() { awk -v name="$1" '$1 == name { print $2 }' /proc/vmstat; }

disk=$(in_group "$ASHLAR" add mem 160M --queues 2 "${how[@]}")
id=${disk#/dev/ublkb}
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
in_group "$ASHLAR_TESTS_BIN/memory_hog" "$wanted" "$seconds" >touched &
hog=$!
moved=0 last=$SECONDS
while kill -0 $hog 2>/dev/null; do
  pause 1
  now=$(wc -l <touched)
  if [ "$now" -ne "$moved" ]; then
    moved=$now last=$SECONDS
  elif [ $((SECONDS - last)) -gt 60 ]; then
    fail "HANG: nothing has moved for a minute; it is in: $(cat "/proc/$hog/wchan")," \
      "the server's threads in: $(cat /proc/"$("$ASHLAR" show "$id" --json | jq .pid)"/task/*/wchan)"
  fi
done
wait $hog || fail "the hog has ended with status $?: $(tail -n 1 touched)"
out=$(($(of_vmstat pswpout) - out_before)) in=$(($(of_vmstat pswpin) - in_before))
echo "figure: kernel $(uname -r): swap on a RAM disk for $seconds s${whole:+ in a guest of $whole MiB}: $(tail -n 1 touched) pages touched," \
  "$out swapped out and $in in"
((out > 4096 && in > 1024)) || fail "there was no pressure: $out pages out, $in in"
grep -qE '^oom_kill 0$' $group/memory.events || fail "killed: $(<$group/memory.events)"
swapoff "$disk"
remove
wait_for 30 rmdir $group
