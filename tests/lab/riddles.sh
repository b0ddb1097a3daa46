#!/bin/bash
# riddles: the calls of the two bug reports (tests/riddles), sent to this kernel with the reports' own
# bytes, give the reports' errnos, and explain names the rule from the log of them.
. "${0%/*}/functions.sh"
requires jq strace
calls=$ASHLAR_TESTS_BIN/riddle_calls
reports=${0%/*}/../riddles
info=$(sed -n 's/.*Device info buffer.*: //p' "$reports/opcode.txt")
header=$(sed -n 's/^Hex: //p' "$reports/opcode.txt")
[ "${#info} ${#header}" = "128 64" ] || fail "no bytes in $reports/opcode.txt"

# riddle RESULT RULE WORD...: what the kernel answers, and what is named first for the last call.
riddle() {
  local expected=$1 rule=$2 got told
  shift 2
  timeout 100 "$calls" "$@" >"$work/log" 2>"$work/result" || fail "$*: status $?: $(<"$work/result")"
  got=$(<"$work/result")
  [ "$got" = "$expected" ] || fail "$*: the kernel says $got, not $expected: $(<"$work/log")"
  [ -n "$rule" ] || return 0
  "$ASHLAR" explain "$work/log" --json >"$work/told" || fail "$*: not explained"
  told=$(jq -r '[.findings[] | select(.kind == "failure")] | last | .verdicts[0] | .rule + " " + .certainty' \
    "$work/told")
  [ "$told" = "$rule certain" ] || fail "$*: explain says $told, not $rule: $("$ASHLAR" explain "$work/log")"
  echo "$*: $got, $told"
}

riddle -22 U-1 opcode "$info" "$header"
riddle -22 ADD-1 zeros "$info" "$header"
riddle 0 '' right "$info" "$header"
riddle -22 START-1 pid
riddle -62 START-4 start
riddle -62 DEL-3 del

# The two writable mappings, as strace shows them.
strace -f -e trace=openat,mmap,close,io_uring_setup -o "$work/trace" "$calls" map >"$work/log" \
  2>"$work/result" || fail "map: $(<"$work/result")"
[ "$(<"$work/result")" = -1 ] || fail "map: the kernel says $(<"$work/result"), not -1"
"$ASHLAR" explain "$work/trace" --json >"$work/told"
jq -e '[.findings[] | select(.title | test("mmap of /dev/ublkc.* failed with EPERM")) | .verdicts[0]
  | select(.rule == "MMAP-2" and .certainty == "certain")] | length == 2' "$work/told" >/dev/null ||
  fail "map: $("$ASHLAR" explain "$work/trace")"
