#!/bin/bash
# The examples, each a program of a few lines: the null disk, the RAM disk of a vector; SIGTERM and
# del end them with status 0; four disks of one program. (The fourth is in file-disk.)
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

"$ASHLAR_EXAMPLES_BIN/many_disks" 4 >disks 2>many.err &
many=$!
wait_for 60 bash -c '[ "$(wc -l <disks)" -eq 4 ]'
while read -r node; do printf 'this is %-504s' "$node" 1<>"$node"; done <disks
while read -r node; do
  [ "$(head -c 19 "$node")" = "this is $node" ] || fail "$node has: $(head -c 20 "$node")"
done <disks
kill "$many"
wait "$many" || fail "many_disks ended badly: $(<many.err)"
