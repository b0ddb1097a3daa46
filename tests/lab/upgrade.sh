#!/bin/bash
# Servers that hand a supervised RAM disk over under verified load: whoever writes sees a pause and
# no error, and the contents stay. A new server that can't start leaves the old one at work. What
# would lose requests or contents is refused.
# ASHLAR_LAB_UPGRADES says how often (3); it prints how long the pauses were.
# limit: 300
. "${0%/*}/functions.sh"
requires fio prlimit


upgrades=${ASHLAR_LAB_UPGRADES:-3}
add mem 1G --supervise
storm_until enough 24m 2>fio.err &
writer=$!
for ((round = 1; round <= upgrades; ++round)); do
  wait_for 60 has_written $(($(written) + 700))
  old=$(show_number pid) old_keeper=$(show_number keeper)
  "$ASHLAR" upgrade "$id" >said
  new=$(show_number pid)
  [[ $(<said) =~ ^"$disk is served by process $new now; it paused for "[0-9.]+" ms"$ ]] ||
    fail "round $round: it said: $(<said)"
  cat said >>pauses
  [ "$new" -ne "$old" ] || fail "round $round: the old server serves it"
  wait_for 20 has_ended "$old"
  wait_for 20 has_ended "$old_keeper"
  kill -0 $writer 2>/dev/null || fail "round $round: the writer has ended: $(<fio.err)"
done
touch enough
wait $writer || fail "the writer has failed: $(<fio.err)"
echo "figure: kernel $(uname -r): paused for, in ms, of $upgrades times, p50 and worst:" \
  "$(sed 's/.* for \(.*\) ms/\1/' pauses | p50_and_worst)"

# No room for the disk's memory in the new server.
random_file data $((1 << 20))
dd if=data of="$disk" bs=64K oflag=direct status=none
old=$(show_number pid)
! prlimit --as=$((700 << 20)) "$ASHLAR" upgrade "$id" 2>said || fail "it went on without memory"
[ "$(show_number pid)" -eq "$old" ] || fail "another server has it"
dd if="$disk" of=got bs=64K count=16 iflag=direct status=none
cmp got data
kill -KILL "$old"
wait_for 60 has_state "$id" live
dd if="$disk" of=got bs=64K count=16 iflag=direct status=none
cmp got data
remove

add mem 64M
expect_error "device $id.* made without recovery.*--recovery reissue" 1 "$ASHLAR" upgrade "$id"
remove
add null 64M
"$ASHLAR" upgrade --all >said
has_line "^$disk is served by process" said || fail "it said: $(<said)"
has_state "$id" live || fail "its state is $(list_state "$id")"
"$ASHLAR" upgrade --json "$id" | jq -e '.pause_ms > 0' >/dev/null || fail "upgrade --json"
remove
