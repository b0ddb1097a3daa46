#!/bin/bash
# Requests above 64 KiB: one of 512 KiB, and with --max-io 1M one of 1 MiB, arrives whole, at any
# sector, and leaves the bytes beside it alone; larger ones are split.
# any kernel
. "${0%/*}/functions.sh"

size=$((16 << 20))
random_file mirror $size
random_file data $((3 << 20))
for max in 512K 1M; do
  : >log
  serve "$ASHLAR_TESTS_BIN/recording_disk" 16M "$work/log" none $max
  dd if=mirror of="$disk" bs=1M oflag=direct status=none
  # At an odd sector, of the largest request, and of three times that less a sector.
  bytes=$((${max%[KM]} * 1024))
  [ $max = 512K ] || bytes=$((bytes * 1024))
  for count in $bytes $((3 * bytes - 512)); do
    : >log
    dd if=data of=mirror bs="$count" count=1 seek=$((5 * 512)) oflag=seek_bytes conv=notrunc \
      status=none
    dd if=data of="$disk" bs="$count" count=1 seek=$((5 * 512)) \
      oflag=direct,seek_bytes status=none
    largest=$(awk '$1 == "write" && $3 > n { n = $3 } END { print n }' log)
    [ "$largest" -gt $((256 * 1024)) ] || fail "the largest write had $largest bytes"
    [ "$largest" -le "$bytes" ] || fail "a write of $largest bytes"
    dd if="$disk" bs=1M iflag=direct status=none | cmp - mirror
  done
  largest=$(awk '$1 == "read" && $3 > n { n = $3 } END { print n }' log)
  [ "$largest" -gt $((256 * 1024)) ] || fail "the largest read had $largest bytes"
  end_server
done
