#!/bin/bash
# A server killed under load, and others that take its disk over: with recovery "reissue" whoever
# writes notices nothing; with "wait" a reader waits and then reads what was acknowledged; with
# "fail" I/O fails until the disk is served again. What can't be recovered is refused with its
# reason and stays as it was.
# limit: 300
. "${0%/*}/functions.sh"
requires fio

enduring_disk=$ASHLAR_TESTS_BIN/enduring_disk
kill_server() { # STATE in which the disk is left
  kill -KILL "$server" || fail "it has ended: $(<hasty.out)"
  wait "$server" 2>/dev/null || true
  wait_for 60 has_state "$id" "$1"
}
record() { cat "/run/ashlar/$id.json"; }
expect_refused() { # REGEX STATE WORD...: nothing has changed
  local before after
  before=$(record)
  expect_error "$1" 1 "$enduring_disk" "${@:3}"
  after=$(record)
  [ "$after" = "$before" ] || fail "the record was $before, and is $after"
  has_state "$id" "$2" || fail "its state is $(list_state "$id")"
}

: >hasty.out
truncate -s 64M image
serve "$enduring_disk" image reissue 500 2
cookie=$(record)
cookie=${cookie#*cookie\":} cookie=${cookie%%,*}
storm 24m 2>fio.err &
writer=$!
for round in 1 2 3; do
  wait_for 60 has_written $((round * 1000))
  kill_server quiesced
  kill -0 $writer 2>/dev/null || fail "round $round: the writer has ended: $(<fio.err)"
  serve "$enduring_disk" image "$id" 500
  has_state "$id" live || fail "round $round: its state is $(list_state "$id")"
  [[ $(record) = *"\"cookie\":$cookie,\"pid\":$server,"*'"target":"recovered"'* ]] ||
    fail "round $round: its record is $(record)"
done
wait $writer || fail "the writer has failed: $(<fio.err)"
cmp image "$disk"
expect_refused "device $id.* a server \(pid $server\) has it" live image "$id"
end_server

# Servers that are killed while they take over: the next one does it all the same.
serve "$enduring_disk" image reissue
kill_server quiesced
for delay in 0 0.003 0.006 0.01 0.015 0.02 0.025 0.03 0.04 0.06 0.1 0.3; do
  "$enduring_disk" image "$id" >hasty.out 2>&1 &
  server=$!
  pause $delay
  kill_server quiesced
done
truncate -s 32M small
expect_refused "device $id.* 64 MiB.* 32 MiB" quiesced small "$id"
serve "$enduring_disk" image "$id"
cmp image "$disk"
end_server
[ ! -e "/run/ashlar/$id.json" ] || fail "its record is still there"

serve "$enduring_disk" image wait
random_file data $((1 << 20))
dd if=data of="$disk" bs=64K oflag=direct status=none
kill_server quiesced
dd if="$disk" of=got bs=64K count=16 iflag=direct status=none &
reader=$!
pause 1
kill -0 $reader 2>/dev/null || fail "a read has ended without a server"
serve "$enduring_disk" image "$id"
wait $reader || fail "the read that waited has failed"
cmp got data
end_server

if kernel_is_before 6.13; then
  expect_error "USER_RECOVERY_FAIL_IO.*6.13" 1 "$enduring_disk" image fail
else
  serve "$enduring_disk" image fail
  dd if=data of="$disk" bs=64K oflag=direct status=none
  kill_server fail-io
  expect_dd_error "error" if="$disk" of=got bs=64K count=1 iflag=direct
  serve "$enduring_disk" image "$id"
  dd if="$disk" of=got bs=64K count=16 iflag=direct status=none
  cmp got data
  end_server
fi

# Without recovery there is nothing to wait for.
serve "$enduring_disk" image none
expect_refused "device $id.* made without recovery" live image "$id"
kill_server dead
expect_refused "device $id.* made without recovery" dead image "$id"
remove
