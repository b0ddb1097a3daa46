#!/bin/bash
# Programs that race to add: of eight that want the same name exactly one wins, and so with the same
# number; all losers say why, and leave nothing. Without such wishes all win.
. "${0%/*}/functions.sh"
requires jq

# contest ARGUMENT...: eight adds at once; sets won and lost.
contest() {
  local i pids=()
  rm -f out.* err.*
  for i in 1 2 3 4 5 6 7 8; do
    "$ASHLAR" add mem 16M --queues 1 "$@" >out.$i 2>err.$i &
    pids+=($!)
  done
  won=0 lost=0
  for i in "${pids[@]}"; do
    if wait "$i"; then won=$((won + 1)); else lost=$((lost + 1)); fi
  done
}

contest --name mine
[ $won -eq 1 ] || fail "$won have won the name: $(cat err.*)"
[ "$(grep -l "name: 'mine': .*File exists" err.* | wc -l)" -eq 7 ] || fail "they said: $(cat err.*)"
[ "$("$ASHLAR" list --json | jq '.devices | length')" -eq 1 ] || fail "$("$ASHLAR" list)"
[ "$("$ASHLAR" list --json | jq -r '.devices[0].name')" = mine ] || fail "$("$ASHLAR" list)"
"$ASHLAR" del mine

contest --id 5
[ $won -eq 1 ] || fail "$won have won the number: $(cat err.*)"
[ "$(grep -l "ADD_DEV: device 5: File exists" err.* | wc -l)" -eq 7 ] || fail "they said: $(cat err.*)"
[ "$("$ASHLAR" list --json | jq -r '.devices[] | "\(.id) \(.state)"')" = "5 live" ] ||
  fail "$("$ASHLAR" list)"
"$ASHLAR" del 5

contest
[ $won -eq 8 ] || fail "$lost have failed: $(cat err.*)"
[ "$(cat out.* | sort)" = "$(printf '/dev/ublkb%d\n' 0 1 2 3 4 5 6 7)" ] || fail "$(cat out.*)"
# Removed by two at once: each device goes once, and neither of them fails.
"$ASHLAR" del --all &
"$ASHLAR" del --all
wait $!
[ -z "$("$ASHLAR" list)" ] || fail "$("$ASHLAR" list)"
