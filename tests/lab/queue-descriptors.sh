#!/bin/bash
# Queues behind the first have descriptors of their own: what CPU 1 writes goes through queue 1,
# lands where it belongs and is read back through queue 0, and the reverse.
. "${0%/*}/functions.sh"
requires jq taskset
[ "$(nproc)" -ge 2 ] || skip "one CPU only"

add mem 16M --queues 2 --depth 100
[ "$("$ASHLAR" show "$id" --json | jq .queues)" -eq 2 ] || fail "not two queues"
random_file mirror $((16 << 20))
copy() { # CPU QUEUE FIRST COUNT: blocks of 64 KiB
  local before
  before=$(counter writes "$2")
  taskset -c "$1" dd if=mirror of="$disk" bs=64K skip="$3" seek="$3" count="$4" oflag=direct \
    status=none
  [ $(($(counter writes "$2") - before)) -ge "$4" ] || fail "queue $2 did not serve CPU $1"
}
copy 1 1 0 96
copy 0 0 96 64
copy 1 1 160 96
for cpu in 0 1; do
  before=$(counter reads $cpu)
  taskset -c $cpu dd if="$disk" bs=64K iflag=direct status=none | cmp - mirror
  [ $(($(counter reads $cpu) - before)) -ge 256 ] || fail "queue $cpu did not serve CPU $cpu"
done
remove
