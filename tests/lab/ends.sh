#!/bin/bash
# The first and the last sector of devices of odd sizes can be written and read; what lies behind
# the end is refused, and no server hears of it.
. "${0%/*}/functions.sh"
requires jq blockdev

sector() { dd bs=512 count=1 status=none "$@"; }
for sectors in 1 7 2049 5000003; do
  add mem --size $((sectors * 512))
  [ "$(blockdev --getsz "$disk")" -eq $sectors ] || fail "it has $(blockdev --getsz "$disk") sectors"
  random_file data 512
  random_file first 512
  sector if=data of="$disk" seek=$((sectors - 1)) oflag=direct
  sector if="$disk" skip=$((sectors - 1)) iflag=direct | cmp - data
  sector if=first of="$disk" seek=0 oflag=direct
  sector if="$disk" skip=0 iflag=direct | cmp - first
  [ $sectors -eq 1 ] || sector if="$disk" skip=$((sectors - 1)) iflag=direct | cmp - data

  before=$(counter requests)
  expect_dd_error "No space left on device" bs=512 count=1 if=data of="$disk" seek=$sectors oflag=direct
  [ -z "$(sector if="$disk" skip=$sectors iflag=direct | tr -d '\0')" ] || fail "it reads on"
  [ "$(sector if="$disk" skip=$sectors iflag=direct | wc -c)" -eq 0 ] || fail "it reads on"
  [ "$(counter requests)" -eq "$before" ] || fail "the server was asked for what lies behind the end"

  # Over the end: the part before it, and no more.
  random_file two 1024
  expect_dd_error "No space left on device" if=two of="$disk" bs=1024 count=1 \
    seek=$(((sectors - 1) * 512)) oflag=direct,seek_bytes
  sector if="$disk" skip=$((sectors - 1)) iflag=direct | cmp -n 512 - two
  remove
done
