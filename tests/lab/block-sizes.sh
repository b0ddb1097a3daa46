#!/bin/bash
# Logical blocks of 512 to 4096 bytes: the kernel shows them, smaller requests are refused, and
# positions count in the right units over the whole device; a file system of such blocks works.
# any kernel
. "${0%/*}/functions.sh"
requires blockdev mkfs.ext4 e2fsck

random_file mirror $((4 << 20))
random_file data 4096
mkdir mnt
for block in 512 1024 2048 4096; do
  add mem 4M --block-size $block
  [ "$(blockdev --getss "$disk")" -eq $block ] || fail "blocks of $(blockdev --getss "$disk")"
  [ "$(blockdev --getsize64 "$disk")" -eq $((4 << 20)) ] || fail "$(blockdev --getsize64 "$disk") bytes"
  cp mirror want
  dd if=mirror of="$disk" bs=128K oflag=direct status=none
  # Single blocks: the first, the last, and some between.
  last=$(((4 << 20) / block - 1))
  for n in 0 1 7 $((last / 2)) $((last - 1)) $last; do
    dd if=data of=want bs=$block count=1 seek="$n" conv=notrunc status=none
    dd if=data of="$disk" bs=$block count=1 seek="$n" oflag=direct status=none
  done
  dd if="$disk" bs=$block skip=$((last - 9)) iflag=direct status=none |
    cmp - <(tail -c $((10 * block)) want)
  cmp want "$disk"
  [ $block -eq 512 ] || expect_dd_error "Invalid argument" if=data of="$disk" bs=$((block / 2)) count=1 oflag=direct
  remove
done

add mem 64M --block-size 4K
mkfs.ext4 -q "$disk"
mount -t ext4 "$disk" mnt
fill mnt/tree 8
sums mnt/tree >before
umount mnt
e2fsck -fn "$disk" || fail "e2fsck found something"
mount -t ext4 -o ro "$disk" mnt
sums mnt/tree | cmp - before
umount mnt
remove
