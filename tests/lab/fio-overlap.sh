#!/bin/bash
# Jobs that write the same blocks at the same time, others that read them meanwhile, on two queues
# and with few tags, so that requests wait for tags: each block says where it belongs, and no reader
# ever sees another block's content.
# any kernel
. "${0%/*}/functions.sh"
requires fio

add mem 32M --queues 2 --depth 8
fio_job - <<JOBS
[global]
filename=$disk
direct=1
ioengine=io_uring
verify=pattern
verify_pattern=%o
verify_fatal=1
verify_dump=0
bs=4k
size=1m
[first]
rw=write
do_verify=1
iodepth=8
[writers]
stonewall
rw=randwrite
norandommap
do_verify=0
numjobs=3
iodepth=32
io_size=6m
randrepeat=0
[readers]
rw=randread
norandommap
numjobs=2
iodepth=32
io_size=6m
randrepeat=0
[last]
stonewall
rw=read
iodepth=4
JOBS
remove

# One job whose own requests overlap, in the order in which it gave them.
add mem 32M
verify_fio <<'JOBS'
[serial]
rw=randwrite
bsrange=512-64k
serialize_overlap=1
iodepth=32
size=8m
verify_backlog=64
JOBS
remove
