#!/bin/bash
# 32 devices at once, added at the same time: each has its own content; list shows them all, and
# del --all removes them. At the driver's own limit of devices the error names its parameter.
# limit: 240
# any kernel
. "${0%/*}/functions.sh"
requires jq

for n in {0..31}; do
  "$ASHLAR" add mem 16M --depth 16 >"out.$n" 2>"err.$n" &
done
wait
[ "$(cat out.* | sort -V)" = "$(printf '/dev/ublkb%d\n' {0..31})" ] || fail "$(cat out.* err.*)"
for n in {0..31}; do printf 'this is disk %-500d\n' "$n" 1<>"/dev/ublkb$n"; done
for n in {0..31}; do
  read -r line <"/dev/ublkb$n"
  [ "$line" = "this is disk $n" ] || fail "/dev/ublkb$n has: $line"
done
[ "$("$ASHLAR" list --json | jq '[.devices[] | select(.state == "live")] | length')" -eq 32 ] ||
  fail "$("$ASHLAR" list)"

# Before Linux 6.15 the limit counts all devices, later only those of ordinary users.
limit=/sys/module/ublk_drv/parameters/ublks_max
usual=$(<$limit)
trap 'echo "$usual" >$limit' EXIT
echo 32 >$limit
if "$ASHLAR" add mem 16M >out 2>err; then
  [ "$(<out)" = /dev/ublkb32 ] || fail "$(<out)"
else
  grep -q "ADD_DEV: new device: .*(EACCES)" err || fail "$(<err)"
  grep -q "limit of devices is reached (its parameter ublks_max)" err || fail "$(<err)"
  grep -q "do:  .*$limit" err || fail "$(<err)"
fi
"$ASHLAR" del --all
[ -z "$("$ASHLAR" list)" ] || fail "$("$ASHLAR" list)"
