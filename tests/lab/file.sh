#!/bin/bash
# The target file: an image on ext4, xfs and tmpfs and a block device beneath, read and written by
# fio with verification, a file system on it, holes kept and made, and the image right on its own.
# limit: 240
# any kernel
. "${0%/*}/functions.sh"
requires fio mkfs.ext4 mkfs.xfs e2fsck losetup blkdiscard
modprobe loop

# try WORD...: a disk of this file, worked on by fio and by a file system.
try() {
  add file "$@"
  verify_fio <<'JOBS'
[mixed]
rw=randwrite
bssplit=512/20:4k/40:64k/30:256k/10
iodepth=16
size=1m
offset=48m
JOBS
  mkfs.ext4 -q "$disk"
  mkdir -p mnt
  mount -t ext4 "$disk" mnt
  fill mnt/tree 2
  sums mnt/tree >before
  umount mnt
  [ "$(counter failed)" -eq 0 ] || fail "requests failed"
  remove
  e2fsck -fn "$1" || fail "e2fsck found something in $1"
}

for way in ext4:auto xfs:off tmpfs:auto; do
  system=${way%:*} direct=${way#*:}
  host_on "$system" 400 160
  truncate -s 64M host/image
  try host/image --direct "$direct"
  # The file is sparse still, and discard gives all of it back.
  blocks=$(stat -c %b host/image)
  [ "$blocks" -lt $((60 << 11)) ] || fail "$system: $blocks blocks of a sparse file"
  add file host/image --direct "$direct"
  blkdiscard "$disk"
  [ "$(stat -c %b host/image)" -lt $((blocks / 4)) ] || fail "$system: discard gave nothing back"
  # Zeros take no room either.
  dd if=/dev/urandom of="$disk" bs=1M count=8 oflag=direct status=none
  blkdiscard -z "$disk"
  cmp -n $((64 << 20)) "$disk" /dev/zero
  remove
  add file host/image --direct "$direct" --no-discard
  [ "$(<"/sys/block/ublkb$id/queue/discard_max_bytes")" -eq 0 ] || fail "discard is offered"
  dd if=/dev/urandom of="$disk" bs=1M count=8 oflag=direct status=none
  blkdiscard -z "$disk"
  cmp -n $((8 << 20)) "$disk" /dev/zero
  remove
  [ "$(stat -c %b host/image)" -ge $((8 << 11)) ] || fail "$system: blocks were given back"
  remove_host
done
