#!/bin/bash
# Without the driver: add and run load it; where there is none they say so, and what to do; status
# 1. list has nothing to list, and del nothing to remove.
# any kernel
. "${0%/*}/functions.sh"
requires unshare modprobe
trap 'modprobe ublk_drv' EXIT

modprobe -r ublk_drv
no_modules=(unshare --mount bash -c 'mount -t tmpfs none /lib/modules && exec "$@"' bash)
not_loaded="open the ublk driver: /dev/ublk-control: No such file .*not loaded.*modprobe ublk_drv"
expect_no_start "$not_loaded" "${no_modules[@]}"
expect_refusal "$not_loaded" 1 "$ASHLAR" features
[ -z "$("$ASHLAR" list)" ] || fail "there is something in the list"
"$ASHLAR" del --all
expect_refusal "$not_loaded" 1 "$ASHLAR" del 0
is_gone /sys/module/ublk_drv || fail "the driver has been loaded by who only looks"

add mem 64M
remove
