#!/bin/bash
# Queues behind the first have descriptors of their own: what CPU 1 writes goes through queue 1,
# lands where it belongs and is read back through queue 0, and the reverse.
. "${0%/*}/functions.sh"
requires jq taskset
[ "$(nproc)" -ge 2 ] || skip "one CPU only"

add mem 16M --queues 2 --depth 100
[ "$("$ASHLAR" show "$id" --json | jq .queues)" -eq 2 ] || fail "not two queues"
random_file mirror $((16 << 20))
# Which queue serves which CPU, the kernel says.
queue_of=()
for q in 0 1; do
  cpu=$(<"/sys/block/ublkb$id/mq/$q/cpu_list")
  [[ $cpu = [01] ]] || fail "queue $q serves CPUs $cpu"
  queue_of[cpu]=$q
done
copy() { # CPU FIRST COUNT: blocks of 64 KiB
  local before q=${queue_of[$1]}
  before=$(counter writes "$q")
  taskset -c "$1" dd if=mirror of="$disk" bs=64K skip="$2" seek="$2" count="$3" oflag=direct \
    status=none
  [ $(($(counter writes "$q") - before)) -ge "$3" ] || fail "queue $q did not serve CPU $1"
}
copy 1 0 96
copy 0 96 64
copy 1 160 96
for cpu in 0 1; do
  q=${queue_of[cpu]}
  before=$(counter reads "$q")
  taskset -c $cpu dd if="$disk" bs=64K iflag=direct status=none | cmp - mirror
  [ $(($(counter reads "$q") - before)) -ge 256 ] || fail "queue $q did not serve CPU $cpu"
done
remove
