#!/bin/bash
# The examples, each a program of a few lines: the null disk, the RAM disk of a vector; SIGTERM and
# del end them with status 0. (The third is in file-disk.)
# any kernel
. "${0%/*}/functions.sh"

serve "$ASHLAR_EXAMPLES_BIN/null_disk"
random_file data 65536
dd if=data of="$disk" bs=64K oflag=direct status=none
dd if="$disk" bs=64K count=1 iflag=direct status=none | cmp -n 65536 - /dev/zero
"$ASHLAR" del "$id"
wait "$server" || fail "null_disk ended badly: $(<server.err)"

serve "$ASHLAR_EXAMPLES_BIN/ram_disk"
dd if=data of="$disk" bs=64K seek=16383 oflag=direct status=none
dd if="$disk" bs=64K skip=16383 iflag=direct status=none | cmp - data
cmp -n 65536 "$disk" /dev/zero
end_server
