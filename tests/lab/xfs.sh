#!/bin/bash
# xfs on a RAM disk: made, filled, unmounted, found sound by xfs_repair, mounted again, checksums
# equal.
# any kernel
. "${0%/*}/functions.sh"
requires mkfs.xfs xfs_repair

add mem 512M
mkfs.xfs -q "$disk"
mkdir mnt
mount -t xfs "$disk" mnt
fill mnt/tree 24
sums mnt >before
umount mnt
xfs_repair -n "$disk" >repair 2>&1 || { cat repair; fail "xfs_repair found something"; }

mount -t xfs "$disk" mnt
sums mnt >after
cmp before after
umount mnt
remove
