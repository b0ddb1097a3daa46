#!/bin/bash
# Two queues, written by two jobs on two CPUs, verified by jobs on the other CPU; both queues serve.
# A device that wants more queues than there are CPUs says so and gets as many as there are.
# any kernel
. "${0%/*}/functions.sh"
requires fio jq
[ "$(nproc)" -ge 2 ] || skip "one CPU only"

jobs_of() {
  cat <<JOBS
[cpu0]
cpus_allowed=$1
rw=randwrite
bssplit=512/20:4k/50:64k/30
iodepth=32
offset=0
size=8m
[cpu1]
cpus_allowed=$2
rw=randwrite
bssplit=512/20:4k/50:64k/30
iodepth=32
offset=32m
size=8m
JOBS
}
add mem 64M --queues 2
jobs_of 0 1 | verify_fio
jobs_of 1 0 | verify_fio --verify_only
for q in 0 1; do
  [ "$(counter writes $q)" -gt 100 ] || fail "queue $q got $(counter writes $q) writes"
  [ "$(counter failed $q)" -eq 0 ] || fail "queue $q failed requests"
done
remove

"$ASHLAR" add mem 64M --queues 64 --depth 16 >out 2>err
read -r disk <out
id=${disk#/dev/ublkb}
grep -q "64 queues wished, $(nproc) made: no more than CPUs" err || fail "it said: $(<err)"
[ "$("$ASHLAR" show "$id" --json | jq .queues)" -eq "$(nproc)" ] || fail "not $(nproc) queues"
verify_fio <<'JOBS'
[all]
rw=randwrite
bs=4k
iodepth=64
size=4m
JOBS
remove
