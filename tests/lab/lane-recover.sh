#!/bin/bash
# Servers of devices that answer in place, or register requests by hand, are killed under verified load:
# who serves them next goes on by the same lane, and the writer notices nothing.
. "${0%/*}/functions.sh"
requires fio mkfs.ext4

"$ASHLAR" features >kernel-has
storm_on() { # COMMAND…: it must bring another server
  verify_fio <<'JOBS' 2>fio.err &
[storm]
rw=randwrite
bssplit=4k/60:64k/40
iodepth=16
size=8m
JOBS
  local writer=$!
  wait_for 60 has_written 200
  kill -KILL "$server"
  "$@"
  "$ASHLAR" show "$id" | grep -E "^lane: +$lane \(the device was made so" >/dev/null ||
    fail "its lane: $("$ASHLAR" show "$id")"
  wait $writer || fail "the writer has failed: $(<fio.err)"
  [ "$(counter failed)" -eq 0 ] || fail "requests failed"
  remove
}
served_by_another() {
  local now
  now=$(show_number pid) && [ "$now" -ne "$server" ] && has_state "$id" live
}
wait_for_keeper() { wait_for 60 served_by_another; }
recovered() {
  wait_for 60 has_state "$id" quiesced
  "$ASHLAR" recover "$id"
}

lane='in place'
add mem 64M --supervise --lane in-place
storm_on wait_for_keeper

grep -E '^ yes +SUPPORT_ZERO_COPY( |$)' kernel-has >/dev/null || exit 0
# An image in a tmpfs would be read and written at once: its data is not passed on.
add mem 128M
backing=$id
mkfs.ext4 -q "$disk"
mkdir host
mount -t ext4 "$disk" host
lane='manual zero copy'
add file "$PWD/host/image" --create --size 48M --lane zero-copy-manual
storm_on recovered
umount host
remove "$backing"
