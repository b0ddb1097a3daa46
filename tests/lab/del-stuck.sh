#!/bin/bash
# del ends in its time limit, whatever the server does: one that is stopped in the middle of a
# request is named, and killed by --force. What a killed server leaves is removed by --dead.
. "${0%/*}/functions.sh"

has_request() { local n; read -r _ n <"/sys/block/ublkb$id/inflight"; [ "$n" -ge 1 ]; }
# In so many seconds, at most: twice the time limit of the program, and what a slow guest takes.
in_time() {
  local since=$SECONDS
  "$@"
  [ $((SECONDS - since)) -le 60 ] || fail "it took $((SECONDS - since)) s: $*"
}

add mem 64M
kill -STOP "$server"
dd if=/dev/zero of="$disk" bs=4k count=1 oflag=direct status=none 2>dd.err &
writer=$!
wait_for 20 has_request
in_time expect_error "open by dd \(pid $writer\)" 1 "$ASHLAR" del "$id" --timeout 3
in_time "$ASHLAR" del "$id" --force --timeout 3 2>del.err
has_line "does not answer, and is killed" del.err || fail "it said: $(<del.err)"
! wait $writer || fail "the write was done after all"
wait_for 20 is_gone "/dev/ublkb$id"
[ ! -e "/sys/class/ublk-char/ublkc$id" ] || fail "device $id is still there"

add mem 64M
kill -KILL "$server"
wait_for 60 has_state "$id" dead
add mem 64M
[ "$("$ASHLAR" del --dead)" != "$disk" ] || fail "it has removed a device that is served"
has_state "$id" live || fail "its state is $(list_state "$id")"
[ "$("$ASHLAR" list | wc -l)" -eq 2 ] || fail "the dead one is still there"
remove
