#!/bin/bash
# A sparse disk costs what is written to it: a gigabyte that was never written is read as zeros
# without memory for it, and a disk of 4 TiB takes its last sector and gives it back.
# any kernel
. "${0%/*}/functions.sh"

add mem 4G --depth 8
before=$(resident)
cmp -n $((1 << 30)) "$disk" /dev/zero
[ $(($(resident) - before)) -lt $((16 << 10)) ] || fail "$before KiB before, $(resident) after"
remove

add mem 4T
random_file data 512
last=$(((4 << 40) / 512 - 1))
dd if=data of="$disk" bs=512 count=1 seek=$last oflag=direct status=none
dd if="$disk" bs=512 count=1 skip=$last iflag=direct status=none | cmp - data
dd if=data of="$disk" bs=512 count=1 seek=$((last / 2)) oflag=direct status=none
dd if="$disk" bs=512 count=1 skip=$((last / 2)) iflag=direct status=none | cmp - data
cmp -n 4096 "$disk" /dev/zero
[ "$(resident)" -lt $((64 << 10)) ] || fail "it takes $(resident) KiB"
remove
