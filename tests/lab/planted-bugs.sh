#!/bin/bash
# The tests' own eyes: a disk that exchanges blocks, one that forgets a write and one that flips a
# bit are all found out by the verification that the other tests rely on.
# any kernel
. "${0%/*}/functions.sh"
requires fio

jobs='[all]
rw=randwrite
bs=4k
iodepth=16
size=4m'
for bug in none swap lose flip; do
  serve "$ASHLAR_TESTS_BIN/faulty_disk" 16M "$bug@1M+8K"
  if verify_fio <<<"$jobs" 2>said; then found=none; else found=$bug; fi
  [ "$found" = "$bug" ] || fail "a disk that has the bug '$bug' passed for good"
  [ "$bug" = none ] || grep -qiE 'verify|crc32c' said || fail "fio failed otherwise: $(<said)"
  end_server
done
