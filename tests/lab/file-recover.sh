#!/bin/bash
# A file as a disk outlives its server: killed under verified load and served again, then handed over
# to a new server that takes the lock along; the writer notices nothing, and nobody else gets the
# file meanwhile.
. "${0%/*}/functions.sh"
requires fio

truncate -s 64M image
add file image
verify_fio <<'JOBS' 2>fio.err &
[storm]
rw=randwrite
bs=4k
iodepth=16
fsync=32
size=8m
JOBS
writer=$!
wait_for 60 has_written 300
kill -KILL "$server"
wait_for 60 has_state "$id" quiesced
"$ASHLAR" recover "$id"
has_state "$id" live || fail "its state is $(list_state "$id")"
wait_for 60 has_written 900
old=$(show_number pid)
"$ASHLAR" upgrade "$id"
wait_for 20 has_ended "$old"
new=$(show_number pid)
[ "$new" -ne "$old" ] || fail "the old server serves it"
expect_error "image: Device or resource busy.*process $new \(ashlar\)" 1 "$ASHLAR" add file image
wait $writer || fail "the writer has failed: $(<fio.err)"
cmp image "$disk"
remove
