#!/bin/bash
# A server killed by SIGKILL, idle or under load: who uses its disk gets errors and does not hang;
# list calls the device dead; a new device gets another number and works; del removes the dead one.
. "${0%/*}/functions.sh"
requires fio jq

add mem 64M --name old
old=$id
kill -KILL "$server"
wait_for 60 has_state "$old" dead
"$ASHLAR" list | grep -E "^/dev/ublkb$old +dead " >/dev/null || fail "list says: $("$ASHLAR" list)"
"$ASHLAR" show old | grep -E "^state: +dead" >/dev/null || fail "show says: $("$ASHLAR" show old)"

add mem 64M
[ "$id" -ne "$old" ] || fail "the id of a dead device was given out"
verify_fio <<<$'[one]\nrw=randwrite\nbs=4k\niodepth=32\nsize=1m'
expect_error "device $old has this name" 1 "$ASHLAR" add mem 64M --name old
remove "$old"
[ "$(list_state "$id")" = live ] || fail "the wrong device was removed"
remove
# The number is free again, and so is the name.
add mem 64M --name old
[ "$id" -eq "$old" ] || fail "id $id instead of $old"

# Under load, of two kinds.
fio --name=load --filename="$disk" --direct=1 --ioengine=io_uring --rw=randrw --bs=4k --iodepth=32 \
  --time_based --runtime=300 --size=64M >fio.out 2>&1 &
load=$!
dd if="$disk" of=/dev/null bs=64K 2>dd.err &
reader=$!
wait_for 60 has_served 1000
kill -KILL "$server"
wait "$load" && fail "fio has not noticed"
wait_for 60 has_ended "$reader"
grep -qE "Input/output error|No space left" fio.out || fail "fio says: $(<fio.out)"
wait_for 60 has_state "$old" dead
add mem 64M
[ "$("$ASHLAR" del --json "$old" | jq -r .done)" = removed ] || fail "del --json"
! "$ASHLAR" del --json "$old" 2>error.json || fail "it was removed twice"
jq -e '.error | .errno == "ENODEV" and .rule != null' error.json >/dev/null || fail "$(<error.json)"
remove
