#!/bin/bash
# A supervised RAM disk whose server is killed again and again under verified load: whoever writes
# notices nothing, and the contents stay. Its keeper may die, too, and is replaced. A keeper whose
# servers die one after the other stops trying and says why; "ashlar recover" makes it try again.
# ASHLAR_LAB_KILLS says how often (4); it prints how long the disk was without a server.
# limit: 300
. "${0%/*}/functions.sh"
requires fio

is_served_by_another_than() { [ "$(list_state "$id")" = live ] && [ "$(show_number pid)" -ne "$1" ]; }
kill_server() {
  local before
  before=$(show_number pid)
  kill -KILL "$before"
  wait_for 100 is_served_by_another_than "$before"
}

kills=${ASHLAR_LAB_KILLS:-4}
add mem 64M --supervise --name kept
[[ $("$ASHLAR" show "$id") =~ recovery:\ +reissue ]] || fail "its recovery is another"
storm_until enough 8m 2>fio.err &
writer=$!
for ((round = 1; round <= kills; ++round)); do
  # Servers that die at once would be given up.
  [ "$kills" -le 8 ] || pause $((6 + RANDOM % 3)).$((RANDOM % 10))
  wait_for 60 has_written $(($(written) + 700))
  kill_server
  kill -0 $writer 2>/dev/null || fail "round $round: the writer has ended: $(<fio.err)"
done
touch enough
wait $writer || fail "the writer has failed: $(<fio.err)"
echo "figure: kernel $(uname -r): without a server for, in ms, of $kills times, p50 and worst:" \
  "$(sed -n 's/.* is served again by .* after \([0-9]*\) ms/\1/p' "/run/ashlar/$id.log" |
    p50_and_worst)"

# Without its keeper the server goes on, and gets another one.
random_file data $((1 << 20))
dd if=data of="$disk" bs=64K oflag=direct status=none
keeper=$(show_number keeper)
kill -KILL "$keeper"
wait_for 20 has_ended "$keeper"
server=$(show_number pid)
[[ $("$ASHLAR" recover "$id") = "$disk is kept again; process $server serves it" ]] ||
  fail "recover has done something else"
kill_server
dd if="$disk" of=got bs=64K count=16 iflag=direct status=none
cmp got data

# With both dead the contents are gone: that is said, and the device can be removed.
kill -KILL "$(show_number keeper)"
server=$(show_number pid)
kill -KILL "$server"
wait_for 60 has_state "$id" quiesced
expect_error "device $id.* both died.*ashlar del" 1 "$ASHLAR" recover "$id"
[ "$("$ASHLAR" del --dead)" = "$disk" ] || fail "del --dead has removed something else"
[ -z "$("$ASHLAR" list)" ] || fail "something is left"

# What a device without a keeper waits for.
add null 64M
kill -KILL "$server"
wait_for 60 has_state "$id" quiesced
[[ $("$ASHLAR" recover --all) = "$disk is served again by process "* ]] || fail "not served again"
has_state "$id" live || fail "its state is $(list_state "$id")"
remove

# No room for the record of a new server.
mkdir -p full
mount -t tmpfs -o size=64k none full
export ASHLAR_RUN_DIR=$PWD/full
add mem 64M --supervise
dd if=data of="$disk" bs=64K oflag=direct status=none
log=$ASHLAR_RUN_DIR/$id.log
echo >>"$log" # has its page now, and so room for some lines
dd if=/dev/zero of=full/filler bs=4k status=none 2>/dev/null || true
kill -KILL "$server"
wait_for 100 has_line "gave up after 8 servers" "$log"
has_line "No space left" "$log" || fail "it does not say why: $(<"$log")"
has_state "$id" quiesced || fail "its state is $(list_state "$id")"
rm full/filler
[[ $("$ASHLAR" recover "$id") = "$disk is served again by its keeper" ]] || fail "$(<"$log")"
dd if="$disk" of=got bs=64K count=16 iflag=direct status=none
cmp got data
remove
unset ASHLAR_RUN_DIR
umount full
