#!/bin/bash
# why: names what a stuck process or device waits for: requests in the hands of a stopped server, a
# START_DEV for the fetch that is missing, a DEL_DEV for the mapping that is held.
. "${0%/*}/functions.sh"
requires jq
stuck_calls=$ASHLAR_TESTS_BIN/stuck_calls

# explained REGEX WORD...
explained() {
  "$ASHLAR" why "${@:2}" >"$work/why" || fail "why ${*:2}: status $?"
  grep -qE -e "$1" <<<"$(tr '\n' ' ' <"$work/why")" || fail "why ${*:2}: $(<"$work/why")"
}
under_way() { [ "$(awk '{ print $1 + $2 }' "/sys/block/${disk#/dev/}/inflight")" -gt 0 ]; }

# Requests of a stopped server.
add mem 16M --name mine
explained "nothing waits for device $id" "$id"
kill -STOP "$server"
dd if="$disk" of=/dev/null bs=4K count=1 iflag=direct status=none &
reader=$!
wait_for 60 under_way
says="not answered.*the server .*pid $server\) is stopped by a signal.*kill -CONT $server"
explained "1 requests of $disk are $says" "$id"
explained "$says" mine
explained "dd \(pid $reader\) uses $disk.*$says" --pid "$reader"
explained "$says" --pid "$server"
kill -CONT "$server"
wait $reader
remove

# stuck HOW COMMAND: sets id and stuck.
stuck() {
  : >"$work/number"
  "$stuck_calls" "$1" >"$work/number" 2>"$work/stuck.err" &
  stuck=$!
  wait_for 60 test -s "$work/number"
  id=$(<"$work/number")
  wait_for 60 waits "$2"
}
waits() {
  "$ASHLAR" why --pid "$stuck" --json >"$work/why.json"
  jq -e --arg what "$1" '.reasons[] | select(.waits and (.what | startswith($what)))' \
    "$work/why.json" >/dev/null
}

stuck start START_DEV
grep -q . "$work/stuck.err" && fail "$(<"$work/stuck.err")"
says="START_DEV of device $id waits, called by stuck_calls \(pid $stuck\).*4 FETCH_REQs"
says+=".*3 other commands under way, so 1 or more are missing.*rule START-4"
explained "$says" --pid "$stuck"
explained "$says" "$id"
kill $stuck
wait $stuck || fail "it ended badly: $(<"$work/stuck.err")"
wait_for 60 has_state "$id" dead
remove

stuck del DEL_DEV
says="DEL_DEV of device $id waits.*stuck_calls \(pid $stuck\) still has a mapping.*rule DEL-3"
explained "$says" --pid "$stuck"
explained "$says" "$id"
kill $stuck
wait $stuck || fail "it ended badly: $(<"$work/stuck.err")"
wait_for 60 is_gone "/sys/class/ublk-char/ublkc$id"
