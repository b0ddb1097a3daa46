#!/bin/bash
# btrfs, whose checksums see any wrong block, on a RAM disk: made, filled, unmounted, found sound by
# btrfs check, mounted again, scrubbed, checksums of files equal.
# any kernel
. "${0%/*}/functions.sh"
requires mkfs.btrfs btrfs

add mem 512M
mkfs.btrfs -q "$disk"
mkdir mnt
mount -t btrfs "$disk" mnt
fill mnt/tree 24
sums mnt >before
umount mnt
btrfs check --readonly "$disk" >said 2>&1 || { cat said; fail "btrfs check found something"; }

mount -t btrfs "$disk" mnt
btrfs scrub start -B mnt >said 2>&1 || { cat said; fail "scrub found something"; }
sums mnt >after
cmp before after
umount mnt
remove
