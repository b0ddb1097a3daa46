#!/bin/bash
# io_uring switched off by sysctl: said so, with the name of the switch; status 1, nothing made.
. "${0%/*}/functions.sh"
switch=/proc/sys/kernel/io_uring_disabled
[ -e $switch ] || skip "this kernel has no $switch"
trap 'echo 0 >$switch' EXIT

echo 2 >$switch
expect_no_start \
  "io_uring_setup: .*kernel.io_uring_disabled is 2.*sysctl -w kernel.io_uring_disabled=0" env
expect_refusal "io_uring_setup: .*kernel.io_uring_disabled" 1 "$ASHLAR" features
# 1 is for those without CAP_SYS_ADMIN, of whom nobody makes a device.
echo 1 >$switch
add mem 64M
# Switched off while a device is there: it works, and can be removed by its server.
echo 2 >$switch
dd if="$disk" of=/dev/null bs=64K count=1 iflag=direct status=none
expect_error "io_uring_setup: .*kernel.io_uring_disabled" 1 "$ASHLAR" del "$id"
kill "$server"
wait_for 60 has_ended "$server"
is_gone "$disk" || fail "$disk is still there"
