#!/bin/bash
# What a target can't do is refused at once and does not hang: discard and write-zeroes on a target
# without them. A discard that takes long delays nobody else.
. "${0%/*}/functions.sh"
requires jq blkdiscard

serve "$ASHLAR_TESTS_BIN/faulty_disk" 16M
[ "$(<"/sys/block/ublkb$id/queue/discard_max_bytes")" -eq 0 ] || fail "discard is announced"
expect_error "Operation not supported" 1 blkdiscard "$disk"
expect_error "unsupported|not supported" 1 fallocate -p -o 0 -l 65536 "$disk"
[ "$(counter discards)" -eq 0 ] || fail "the server was asked to discard"
# Zeroes are written instead.
random_file data 131072
dd if=data of="$disk" bs=64K oflag=direct status=none
blkdiscard -z -o 4096 -l 65536 "$disk"
dd if=/dev/zero of=data bs=4K count=16 seek=1 conv=notrunc status=none
dd if="$disk" bs=64K count=2 iflag=direct status=none | cmp - data
[ "$(counter failed)" -eq 0 ] || fail "requests failed"
end_server

serve "$ASHLAR_TESTS_BIN/faulty_disk" 16M --slow-discard "$work/now"
dd if=data of="$disk" bs=64K oflag=direct status=none
blkdiscard -o 0 -l 65536 "$disk" &
slow=$!
wait_for 60 has_discarded
# By fio: a seek, which dd does, waits for the kernel's own lock.
before=$(counter reads)
fio_job --name=beside --filename="$disk" --direct=1 --rw=randread --bs=4k --offset=64k --size=64k
[ "$(counter reads)" -ge $((before + 16)) ] || fail "no reads were served"
kill -0 $slow 2>/dev/null || fail "the reads came behind the discard"
touch now
wait $slow
cmp -n 65536 "$disk" /dev/zero
end_server
