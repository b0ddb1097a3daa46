#!/bin/bash
# Discard and write-zeroes, of whole chunks and of ranges that begin and end anywhere: what they
# cover reads as zeros, what lies beside is untouched, and the server gives the memory back; fstrim
# does so for a file system.
# any kernel
. "${0%/*}/functions.sh"
requires jq blkdiscard fallocate fstrim mkfs.ext4

add mem 128M --depth 8
[ "$(<"/sys/block/ublkb$id/queue/discard_granularity")" -eq 4096 ] || fail "granularity"
size=$((8 << 20))
random_file mirror $size
dd if=mirror of="$disk" bs=1M oflag=direct status=none

# punch OFFSET LENGTH COMMAND...: the command does it to the disk.
punch() {
  dd if=/dev/zero of=mirror bs="$2" count=1 seek="$1" oflag=seek_bytes conv=notrunc status=none
  "${@:3}" -o "$1" -l "$2" "$disk"
}
ranges=("0 4096" "512 512" "4608 1024" "65536 65536" "65024 1024" "130560 66048" "61440 139264"
  "262144 1048576" "3584 524288")
ways=("blkdiscard" "blkdiscard -z" "fallocate -p" "fallocate -z")
asked=(discards write_zeroes write_zeroes write_zeroes)
for way in 0 1 2 3; do
  before=$(counter "${asked[way]}")
  at=$((way << 20))
  for range in "${ranges[@]}"; do
    # shellcheck disable=SC2086 # words
    punch $((at + ${range% *})) ${range#* } ${ways[way]}
    at=$((at + 131072 + 512))
  done
  asked_for=$(($(counter "${asked[way]}") - before))
  [ $asked_for -ge ${#ranges[@]} ] || fail "${ways[way]}: $asked_for ${asked[way]} were asked for"
done
dd if="$disk" bs=1M count=8 iflag=direct status=none | cmp - mirror
[ "$(counter failed)" -eq 0 ] || fail "requests failed"

# Written again, they hold what was written.
random_file mirror $size
dd if=mirror of="$disk" bs=1M oflag=direct status=none
dd if="$disk" bs=1M count=8 iflag=direct status=none | cmp - mirror

# Memory: 48 MiB come and go.
blkdiscard "$disk"
empty=$(resident)
for way in discard zeroes punched; do
  dd if=/dev/zero of="$disk" bs=1M count=48 oflag=direct status=none
  full=$(resident)
  [ $((full - empty)) -gt $((45 << 10)) ] || fail "$full KiB with data, $empty without"
  case $way in
    discard) blkdiscard "$disk" ;;
    zeroes) blkdiscard -z "$disk" ;;
    punched) fallocate -p -o 0 -l $((48 << 20)) "$disk" ;;
  esac
  [ $(($(resident) - empty)) -lt $((8 << 10)) ] || fail "$(resident) KiB after $way, $empty before"
done

mkfs.ext4 -q "$disk"
mkdir mnt
mount -t ext4 "$disk" mnt
dd if=/dev/zero of=mnt/large bs=1M count=48 status=none
echo kept >mnt/small
sync -f mnt
full=$(resident)
rm mnt/large
sync -f mnt
fstrim mnt
[ $((full - $(resident))) -gt $((40 << 10)) ] || fail "$full KiB before fstrim, $(resident) after"
[ "$(<mnt/small)" = kept ] || fail "fstrim took too much"
umount mnt
remove
