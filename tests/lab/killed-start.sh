#!/bin/bash
# Killed while it starts, at any moment: SIGTERM to add leaves nothing, or a device that works;
# SIGKILL to its server leaves at most a dead device, which list shows and del removes, and add says
# what has happened; SIGKILL to add leaves its server, with a device that works, or nothing.
# limit: 300
. "${0%/*}/functions.sh"
requires pgrep

began=${EPOCHREALTIME/./}
add mem 16M
took=$((${EPOCHREALTIME/./} - began))
remove

servers() { pgrep -x ashlar || true; }
settled() { # nothing of it, or something lasting: then state says what
  state=$(list_state)
  case $state in
    live) [ -n "$(servers)" ] ;;
    dead | '') [ -z "$(servers)" ] ;;
    *) false ;;
  esac
}

# Before Linux 7.2 START_DEV loses a server that dies while it works: what the driver has given back
# to the dead threads it uses all the same, and the partition scan waits for ever (README.md). So
# there the server is stopped first, and goes on for a moment until START_DEV has ended, or waits for
# its queues, which a stopped server does not fetch.
in_start() { # PID
  local stack
  for stack in "/proc/$1/task"/*/stack; do
    stack=$(cat "$stack" 2>/dev/null) || continue
    [[ $stack = *wait_for_completion* ]] || [[ $stack != *ublk_ctrl_start_dev* ]] || return 0
  done
  return 1
}
kill_server() { # PID
  if kernel_is_before 7.2; then
    while kill -STOP "$1" 2>/dev/null && pause 0.05 && in_start "$1"; do
      kill -CONT "$1"
      pause 0.01
    done
  fi
  kill -KILL "$1"
}

for try in {0..19}; do
  # Spread over the time that a start takes, and a little more.
  printf -v delay '%d.%06d' 0 $((took * try / 18 % 1000000))
  "$ASHLAR" add mem 16M >out 2>err &
  adder=$!
  pause "$delay"
  case $((try % 3)) in
    0) what="add got SIGTERM" victim=$adder how='kill -TERM' ;;
    1) what="the server got SIGKILL" victim=$(pgrep -P $adder || true) how=kill_server ;;
    2) what="add got SIGKILL" victim=$adder how='kill -KILL' ;;
  esac
  [ -z "$victim" ] || $how "$victim" 2>/dev/null || true
  status=0
  wait $adder || status=$?
  wait_for 100 settled
  echo "try $try, $delay s: $what: status $status, ${state:-nothing left}"
  case $status in
    # (A server that was killed just behind its start leaves a dead one.)
    0) [ -n "$state" ] || fail "it succeeded without a device" ;;
    1) grep -q '^ashlar: ' err || fail "no word about it: $(<err)" ;;
    137 | 143) ;;
    *) fail "status $status: $(<err)" ;;
  esac
  if [ $((try % 3)) -eq 1 ] && [ $status -eq 1 ]; then
    grep -q 'killed by signal 9' err || fail "it says: $(<err)"
  fi
  [ "$state" != dead ] || [ $((try % 3)) -eq 1 ] || fail "$what: a dead device is left"
  if [ "$state" = live ]; then
    dd if=/dev/ublkb0 of=/dev/null bs=64K count=16 iflag=direct status=none
  fi
  [ -z "$state" ] || "$ASHLAR" del 0
  [ "$(ls /run/ashlar)" = lock ] || fail "left: $(ls /run/ashlar)"
done
