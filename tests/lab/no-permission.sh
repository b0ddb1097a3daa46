#!/bin/bash
# Without permission: an ordinary user, and root without CAP_SYS_ADMIN, are told who may make
# devices; status 1, nothing made. They may still see what there is.
# any kernel
. "${0%/*}/functions.sh"
requires setpriv

nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
expect_no_start "open the ublk driver: /dev/ublk-control: Permission denied .*root" "${nobody[@]}"
expect_refusal "open the ublk driver: /dev/ublk-control: Permission denied .*root" 1 \
  "${nobody[@]}" "$ASHLAR" features
"${nobody[@]}" "$ASHLAR" --version
[ -z "$("${nobody[@]}" "$ASHLAR" list)" ] || fail "there is no device to list"

expect_no_start "ADD_DEV: new device: Operation not permitted .*CAP_SYS_ADMIN.*root" \
  setpriv --bounding-set -sys_admin --inh-caps -sys_admin

add mem 64M
expect_error "open the ublk driver: .*Permission denied .*root" 1 "${nobody[@]}" "$ASHLAR" del "$id"
[ -b "$disk" ] || fail "a user has removed $disk"
remove
