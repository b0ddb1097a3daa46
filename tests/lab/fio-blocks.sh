#!/bin/bash
# What was written is read back: blocks of 512 bytes to 1 MiB, one after the other and mixed, at
# random and in order, at depth 1, 32 and 128, every block checked by fio; and in a second pass over
# all of them nothing has been overwritten by a neighbour.
# limit: 240
# any kernel
. "${0%/*}/functions.sh"
requires fio jq

add mem 256M --max-io 1M
cat >job.list <<'JOBS'
[512-1]
rw=randwrite
bs=512
iodepth=1
offset=0
size=512k
[512-32]
stonewall
rw=randwrite
bs=512
iodepth=32
offset=1m
size=1m
[4k-1]
stonewall
rw=randwrite
bs=4k
iodepth=1
offset=2m
size=2m
[4k-128]
stonewall
rw=randwrite
bs=4k
iodepth=128
offset=8m
size=4m
[64k-32]
stonewall
rw=randwrite
bs=64k
iodepth=32
offset=32m
size=8m
[512k-128]
stonewall
rw=randwrite
bs=512k
iodepth=128
offset=64m
size=16m
[1m-1]
stonewall
rw=write
bs=1m
iodepth=1
offset=96m
size=4m
[1m-32]
stonewall
rw=randwrite
bs=1m
iodepth=32
offset=128m
size=16m
[split-32]
stonewall
rw=randwrite
bssplit=512/15:1k/10:4k/30:12k/15:64k/20:512k/8:1m/2
iodepth=32
offset=160m
size=8m
[range-32]
stonewall
rw=write
bsrange=512-1m
iodepth=32
offset=192m
size=16m
JOBS
verify_fio <job.list
verify_fio --verify_only <job.list
# The queue was deep, and the requests were large.
[ "$(counter largest_batch)" -gt 8 ] || fail "no more than $(counter largest_batch) in a batch"
[ "$(counter failed)" -eq 0 ] || fail "requests failed"
remove
