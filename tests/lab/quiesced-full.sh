#!/bin/bash
# A QUIESCE_DEV by somebody else while every tag is with the server: the kernel has no command to give
# back and tells the server nothing. It notices by itself, and takes its device back.
. "${0%/*}/functions.sh"
! kernel_is_before 6.16 || skip "this kernel has no QUIESCE_DEV"

serve "$ASHLAR_TESTS_BIN/quiesced_disk" 9
random_file data 65536
dd if=data of="$disk" bs=4k count=1 oflag=direct status=none
began=$SECONDS
dd if=data of="$disk" bs=4k seek=1 skip=1 oflag=direct status=none
dd if="$disk" of=got bs=4k count=16 iflag=direct status=none
echo "figure: kernel $(uname -r): such a server is back after $((SECONDS - began)) s"
cmp data got
has_line "the kernel has requests and gives none to its server" server.err ||
  fail "it says: $(<server.err)"
has_line "is served again" server.err || fail "it says: $(<server.err)"
end_server
