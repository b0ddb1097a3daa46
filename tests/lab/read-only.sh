#!/bin/bash
# A read-only device: the kernel calls it so, writes and discards are refused by every way and none
# reaches the server, reads work.
# any kernel
. "${0%/*}/functions.sh"
requires jq blockdev blkdiscard

add mem 16M --read-only
[ "$(blockdev --getro "$disk")" -eq 1 ] || fail "blockdev --getro says $(blockdev --getro "$disk")"
expect_dd_error "Operation not permitted|Read-only|Permission denied" if=/dev/zero of="$disk" bs=4K \
  count=1 oflag=direct
for way in "" -z; do
  # shellcheck disable=SC2086 # none or one
  expect_error "Operation not (permitted|supported)|Read-only|Permission denied" 1 \
    blkdiscard $way "$disk"
done
cmp -n $((16 << 20)) "$disk" /dev/zero
[ "$(counter writes)" -eq 0 ] || fail "the server has served writes"
[ "$(counter failed)" -eq 0 ] || fail "requests failed"
# It can't be made writable from outside.
blockdev --setrw "$disk" 2>said || true
dd if=/dev/zero of="$disk" bs=4K count=1 oflag=direct 2>said && fail "it has become writable"
remove
