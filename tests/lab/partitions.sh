#!/bin/bash
# A partition table on the disk: its partitions appear, take a file system and lie where the table
# says.
# any kernel
. "${0%/*}/functions.sh"
requires sfdisk mkfs.ext4 blockdev

add mem 128M
printf '1M,32M\n,64M\n' | sfdisk -q "$disk"
wait_for 60 test -b "${disk}p2"
[ "$(blockdev --getsize64 "${disk}p1")" -eq $((32 << 20)) ] || fail "size of partition 1"
[ "$(blockdev --getsize64 "${disk}p2")" -eq $((64 << 20)) ] || fail "size of partition 2"
random_file data $((1 << 20))
dd if=data of="${disk}p1" bs=64K oflag=direct status=none
dd if="$disk" bs=1M skip=1 count=1 iflag=direct status=none | cmp - data
expect_dd_error "No space left on device" if=data of="${disk}p1" bs=1M seek=32 count=1 oflag=direct
mkfs.ext4 -q "${disk}p2"
mkdir mnt
mount -t ext4 "${disk}p2" mnt
fill mnt/tree 8
sums mnt >before
umount mnt
e2fsck -fn "${disk}p2" || fail "e2fsck found something"
mount -t ext4 -o ro "${disk}p2" mnt
sums mnt | cmp - before
umount mnt
remove
is_gone "${disk}p1" || fail "a partition is still there"
