#!/bin/bash
# The asynchronous example, a file as a disk: ext4 on it, fio verifies it, and the image holds what
# was written to the disk, byte for byte.
# any kernel
. "${0%/*}/functions.sh"
requires fio mkfs.ext4 e2fsck

truncate -s 128M image
serve "$ASHLAR_EXAMPLES_BIN/file_disk" image
verify_fio <<'JOBS'
[mixed]
rw=randwrite
bssplit=512/20:4k/40:64k/30:512k/10
iodepth=32
size=16m
offset=64m
JOBS
cmp image "$disk"
mkfs.ext4 -q "$disk"
mkdir mnt
mount -t ext4 "$disk" mnt
fill mnt/tree 8
sums mnt/tree >before
umount mnt
end_server

# The image is a file system on its own.
e2fsck -fn image || fail "e2fsck found something"
serve "$ASHLAR_EXAMPLES_BIN/file_disk" image
mount -t ext4 -o ro "$disk" mnt
sums mnt/tree | cmp - before
umount mnt
# Discarded is punched out of the file.
blocks=$(stat -c %b image)
blkdiscard "$disk"
[ "$(stat -c %b image)" -lt $((blocks / 4)) ] || fail "the image still has $(stat -c %b image) blocks"
cmp -n $((128 << 20)) "$disk" /dev/zero
end_server
