#!/bin/bash
# doctor: a healthy machine serves its trial device, and nothing of it is left; what is wrong with
# the others is named: no driver, io_uring switched off, no permission, a dead device, a server that
# does not answer. --fix loads the driver and removes the dead device. Exit code 0 only where a
# device can be served.
# any kernel
. "${0%/*}/functions.sh"
requires jq setpriv unshare modprobe
switch=/proc/sys/kernel/io_uring_disabled
trap '[ ! -e $switch ] || echo 0 >$switch; modprobe ublk_drv' EXIT

# examine STATUS OPTION...: its document is in $work/doctor.json.
examine() {
  local status=0
  "$ASHLAR" doctor --json "${@:2}" >"$work/doctor.json" 2>"$work/doctor.err" || status=$?
  [ $status -eq "$1" ] ||
    fail "status $status instead of $1: $(<"$work/doctor.json") $(<"$work/doctor.err")"
}
# finds ID RESULT REGEX
finds() {
  jq -er --arg id "$1" '.checks[] | select(.id == $id) | "\(.result) \(.what) \(.why) \(.do)"' \
    "$work/doctor.json" >"$work/found" || fail "no finding $1: $(<"$work/doctor.json")"
  grep -qE "^$2 .*$3" "$work/found" || fail "$1: $(<"$work/found")"
}

examine 0
[ "$(jq -r '[.trial.steps[] | select(.ok)] | length' "$work/doctor.json")" -eq 8 ] ||
  fail "not all steps were made: $(jq .trial "$work/doctor.json")"
finds module ok 'is loaded'
finds rights ok ''
finds io_uring ok ''
finds features ok USER_COPY
! jq -e '.checks[] | select(.result == "problem")' "$work/doctor.json" || fail "a problem was found"
is_gone /sys/class/ublk-char/ublkc0 || fail "the trial left its device"

# Switched off.
if [ -e $switch ]; then
  echo 2 >$switch
  examine 1 --no-trial
  finds io_uring problem 'kernel.io_uring_disabled is 2.*sysctl -w'
  echo 0 >$switch
fi
# Nobody.
status=0
setpriv --reuid 65534 --regid 65534 --clear-groups "$ASHLAR" doctor >out 2>&1 || status=$?
[ $status -eq 1 ] || fail "status $status: $(<out)"
has_line 'FAIL rights .*may not make devices' out || fail "it says: $(<out)"
has_line '^FAIL 1/8 ADD_DEV' out || fail "it says: $(<out)"

# Stopped: its requests are stuck.
add mem 16M
kill -STOP "$server"
dd if="$disk" of=/dev/null bs=4K count=1 iflag=direct status=none &
reader=$!
stuck() { [ "$(awk '{ print $1 + $2 }' "/sys/block/${disk#/dev/}/inflight")" -gt 0 ]; }
wait_for 60 stuck
examine 0 --no-trial
finds "device $id" problem "stopped by a signal.*requests stuck.*ashlar why $id"
kill -CONT "$server"
wait $reader

# Dead, and removed.
kill -KILL "$server"
wait_for 60 has_state "$id" dead
examine 0 --no-trial
finds "device $id" warning "dead.*pid $server.*it ended .*$(date +%Y).*ashlar del $id"
examine 0 --no-trial --fix
grep -q "to be mended: remove device $id" "$work/doctor.err" || fail "$(<"$work/doctor.err")"
[ "$(list_state "$id")" = dead ] || fail "it was removed unasked"
examine 0 --no-trial --fix --yes
is_gone "/sys/class/ublk-char/ublkc$id" || fail "it is still there"

# No driver.
modprobe -r ublk_drv
examine 0 --no-trial
finds module warning 'not loaded.*modprobe'
is_gone /sys/module/ublk_drv || fail "it was loaded by who only looks"
status=0
unshare --mount bash -c 'mount -t tmpfs none /lib/modules && exec "$@"' bash \
  "$ASHLAR" doctor >out 2>&1 || status=$?
[ $status -eq 1 ] || fail "status $status: $(<out)"
has_line 'FAIL module .*not loaded' out || fail "it says: $(<out)"
examine 0 --no-trial --fix --yes
[ -e /sys/module/ublk_drv ] || fail "--fix did not load the driver"
