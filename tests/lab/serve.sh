#!/bin/bash
# serve: a service of a file's devices says when it is ready, looks after them, follows the file,
# and removes them when it ends.
# any kernel
. "${0%/*}/functions.sh"
requires python3

cat >devices.toml <<'FILE'
[device.one]
target = "mem"
size = "8M"
supervise = false
recovery = "fail"
FILE
# The service manager's side of the socket.
python3 - "$work/notify" >heard <<'LISTEN' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(4096).decode(), flush=True)
LISTEN
listener=$!
trap 'kill $listener 2>/dev/null || true' EXIT
wait_for 60 test -S notify
NOTIFY_SOCKET=$work/notify WATCHDOG_USEC=1000000 "$ASHLAR" serve devices.toml >said 2>&1 &
service=$!
wait_for 60 has_line '^READY=1$' heard
wait_for 60 has_line '^WATCHDOG=1$' heard
wait_for 60 has_line '^STATUS=1 of 1 devices are served$' heard
[ -b "$("$ASHLAR" show one --json | jq -r .node)" ] || fail "no disk"

# A device that ends is made anew.
kill -9 "$("$ASHLAR" show one --json | jq .pid)"
wait_for 60 has_line ' one made anew$' said
# One more, and the first no more.
sed -i 's/device.one/device.two/' devices.toml
kill -HUP $service
wait_for 60 has_line ' two added$' said
wait_for 60 has_line ' one removed$' said
wait_for 60 has_line '^RELOADING=1$' heard
# A disk in use stays, and the next service finds it.
node=$("$ASHLAR" show two --json | jq -r .node)
exec {user}<"$node"
kill $service
status=0
wait $service || status=$?
[ $status -eq 1 ] || fail "status $status though a disk is in use: $(<said)"
has_line 'in use|busy' said
has_line '^STOPPING=1$' heard
"$ASHLAR" serve devices.toml >again 2>&1 {user}<&- &
service=$!
wait_for 60 has_line ' two unchanged$' again
exec {user}<&-
kill $service
wait $service || fail "status $?: $(<again)"
[ ! -e "$node" ] || fail "$node is still there"
