#!/bin/bash
# A device beside another: numbers from the lowest free one, or the one that was asked for; names;
# what is taken is refused with its number or name. Devices are found by number, node and name.
# any kernel
. "${0%/*}/functions.sh"
requires jq

[ "$("$ASHLAR" add mem 16M --name first)" = /dev/ublkb0 ] || fail "not /dev/ublkb0"
add mem 32M
[ "$id" -eq 1 ] || fail "id $id instead of 1"
add null 1G --id 7 --name seventh
[ "$id" -eq 7 ] || fail "id $id instead of 7"
expect_error "^ashlar: ADD_DEV: device 7: File exists .*taken.* do: " 1 "$ASHLAR" add mem 16M --id 7
expect_error "^ashlar: name: 'first': .*device 0 has this name.* do: " 1 \
  "$ASHLAR" add mem 16M --name first
[ "$("$ASHLAR" list --json | jq -c '[.devices[] | [.id, .name, .state, .size, .target]]')" = \
  '[[0,"first","live",16777216,"mem"],[1,null,"live",33554432,"mem"],[7,"seventh","live",1073741824,"null"]]' ] ||
  fail "$("$ASHLAR" list --json)"
# Each has its own content.
for n in 0 1; do
  random_file data$n 65536
  dd if=data$n of=/dev/ublkb$n bs=64K oflag=direct status=none
done
for n in 0 1; do cmp -n 65536 data$n /dev/ublkb$n; done

for word in 7 ublkb7 ublkc7 /dev/ublkb7 seventh /dev/ashlar/seventh; do
  [ "$("$ASHLAR" show $word --json | jq .id)" -eq 7 ] || fail "show $word"
done
"$ASHLAR" del seventh
"$ASHLAR" del /dev/ublkb0
[ "$("$ASHLAR" list --json | jq -c '[.devices[].id]')" = '[1]' ] || fail "$("$ASHLAR" list)"
cmp -n 65536 data1 /dev/ublkb1
# The lowest free one, and a name that is free again.
add mem 16M --name first
[ "$id" -eq 0 ] || fail "id $id instead of 0"
"$ASHLAR" del first 1
expect_error "no such ublk device" 1 "$ASHLAR" del 1
# As many at once as are there.
"$ASHLAR" del --all
