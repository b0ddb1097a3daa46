#!/bin/bash
# SIGTERM to a server under load: it says who uses the disk, goes on serving without an error, and
# ends when they have ended. A second SIGTERM ends it at once: the users get errors and nothing
# hangs. SIGINT and SIGHUP end an idle server, too.
# any kernel
. "${0%/*}/functions.sh"
requires fio jq

start_load() { # SECONDS
  fio --name=load --filename="$disk" --direct=1 --ioengine=io_uring --rw=randrw --bs=4k \
    --iodepth=32 --time_based --runtime="$1" --size=64M >fio.out 2>&1 &
  load=$!
  wait_for 60 has_served 500
}

serve "$ASHLAR" run mem 64M
start_load 8
kill -TERM "$server"
wait_for 60 has_line "open by fio \(pid [0-9]+\)" server.err
has_line "second signal" server.err || fail "it does not say what to do: $(<server.err)"
kill -0 "$load" || fail "the load has ended too early for this test"
served=$(counter requests)
wait_for 60 has_served $((served + 100))
wait "$load" || fail "fio failed: $(<fio.out)"
wait "$server" || fail "the server failed: $(<server.err)"
is_gone "$disk" || fail "$disk is still there"
[ "$(grep -c "busy" server.err)" -eq 1 ] || fail "it said so more than once: $(<server.err)"

serve "$ASHLAR" run mem 64M
start_load 300
kill -TERM "$server"
wait_for 60 has_line "open by fio" server.err
kill -TERM "$server"
wait "$load" && fail "fio has noticed nothing"
grep -qE "Input/output error|No space left" fio.out || fail "fio says: $(<fio.out)"
wait "$server" || fail "the server failed: $(<server.err)"
is_gone "$disk" || fail "$disk is still there"

# The same in the background.
add mem 64M
start_load 300
kill -TERM "$server"
wait_for 60 has_line "open by fio" "/run/ashlar/$id.log"
kill -TERM "$server"
wait "$load" && fail "fio has noticed nothing"
wait_for 60 has_ended "$server"
is_gone "$disk" || fail "$disk is still there"

for signal in INT HUP; do
  serve "$ASHLAR" run mem 64M
  end_server $signal
done
