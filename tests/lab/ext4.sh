#!/bin/bash
# ext4 on a RAM disk: made, filled, unmounted, found sound by e2fsck, mounted again, checksums equal.
# any kernel
. "${0%/*}/functions.sh"
requires mkfs.ext4 e2fsck

add mem 256M --queues 2
mkfs.ext4 -q "$disk"
mkdir mnt
mount -t ext4 "$disk" mnt
fill mnt/tree 24
rm -r mnt/lost+found
sums mnt >before
umount mnt
e2fsck -fn "$disk" || fail "e2fsck found something"

mount -t ext4 "$disk" mnt
sums mnt >after
cmp before after
# In use again, and trimmed: what is left is still right.
rm -r mnt/tree/few
sync -f mnt
fstrim mnt
umount mnt
mount -t ext4 -o ro "$disk" mnt
sums mnt >after
grep -v /few/ before | cmp - after
umount mnt
e2fsck -fn "$disk" || fail "e2fsck found something after fstrim"
remove
