#!/bin/bash
# The target file on block devices: the disk has their geometry, discard and zeros reach them, and
# one that is mounted or held by somebody else is refused.
. "${0%/*}/functions.sh"
requires fio losetup mkfs.ext4 blkdiscard blockdev

modprobe loop
truncate -s 64M backing
for block in 512 4096; do
  beneath=$(losetup -f --show -b $block backing)
  add file "$beneath"
  [ "$(blockdev --getss "$disk")" -eq $block ] || fail "block $(blockdev --getss "$disk")"
  [ "$(blockdev --getsize64 "$disk")" -eq $((64 << 20)) ] || fail "size"
  verify_fio <<JOBS
[mixed]
rw=randwrite
bssplit=$block/40:64k/40:256k/20
iodepth=16
size=4m
JOBS
  blocks=$(stat -c %b backing)
  blkdiscard "$disk"
  [ "$(stat -c %b backing)" -lt $((blocks / 2)) ] || fail "the discard has not come down"
  dd if=/dev/urandom of="$disk" bs=1M count=4 oflag=direct status=none
  blkdiscard -z -o 1M -l 2M "$disk"
  cmp -i $((1 << 20)) -n $((2 << 20)) backing /dev/zero
  [ "$(counter failed)" -eq 0 ] || fail "requests failed"
  # The second writer, and who is the first.
  expect_error "Device or resource busy.*process $server \(ashlar\)" 1 "$ASHLAR" add file "$beneath"
  remove
  losetup -d "$beneath"
done
# No way round the blocks of a device.
beneath=$(losetup -f --show -b 4096 backing)
expect_refusal "needs blocks and an offset of 4096 bytes" 2 \
  "$ASHLAR" add file "$beneath" --block-size 512 --direct on
mkfs.ext4 -q "$beneath"
mkdir mnt
mount "$beneath" mnt
expect_refusal "Device or resource busy.*mounted at $work/mnt" 1 "$ASHLAR" add file "$beneath"
add file "$beneath" --read-only
expect_error "Operation not permitted|Read-only" 1 dd if=/dev/zero of="$disk" bs=4k count=1 oflag=direct
remove
umount mnt
losetup -d "$beneath"
