#!/bin/bash
# One queue with two threads: both of them serve it, and what is written is read. Before Linux 6.16
# the option is refused, with the rule.
. "${0%/*}/functions.sh"
requires fio jq

if kernel_is_before 6.16; then
  status=0
  "$ASHLAR" add mem 16M --threads-per-queue 2 2>err || status=$?
  [ $status -eq 2 ] || fail "status $status"
  has_line 'rule IO-6' err || fail "$(<err)"
  [ -z "$("$ASHLAR" list)" ] || fail "$("$ASHLAR" list)"
  exit 0
fi
truncate -s 32M disk.img
for kind in "mem 32M" "file disk.img"; do
  # shellcheck disable=SC2086 # two words
  disk=$("$ASHLAR" add $kind --threads-per-queue 2 --depth 32)
  pid=$("$ASHLAR" show "$disk" --json | jq .pid)
  fio --name=two --rw=randrw --bs=4k --size=16M --direct=1 --ioengine=libaio --iodepth=32 \
    --number_ios=2000 --verify=crc32c --filename="$disk" --output=fio.out >/dev/null
  # The one queue's counters are those of both.
  [ "$("$ASHLAR" stats "$disk" --json | jq '.queues | length')" -eq 1 ] || fail "not one queue"
  [ "$("$ASHLAR" stats "$disk" --json | jq '.queues[0].requests')" -ge 2000 ] || fail "few requests"
  for part in 0 1; do
    task=$(grep -lx "ashlar ${disk#/dev/ublkb}q0.$part" /proc/"$pid"/task/*/comm)
    woken=$(awk '$1 == "voluntary_ctxt_switches:" { print $2 }' "${task%/comm}/status")
    [ "$woken" -ge 20 ] || fail "thread $part was woken $woken times"
  done
  "$ASHLAR" del "$disk"
done
