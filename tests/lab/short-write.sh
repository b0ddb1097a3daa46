#!/bin/bash
# A write that cannot be completed is an error: a disk whose image lies on a nearly full file system
# takes 512 KiB where 256 KiB are free, and says that there is no space. (The kernel takes a short
# write for a whole one from Linux 7.x on: the loss would be silent.)
# any kernel
. "${0%/*}/functions.sh"

mkdir full
mount -t tmpfs -o size=8M tmpfs full
truncate -s 64M full/image
# Whatever is in use already, 256 KiB are left.
free=$(($(stat -f -c '%f * %S' full)))
dd if=/dev/zero of=full/ballast bs=1K count=$((free / 1024 - 256)) status=none
random_file data $((512 * 1024))

serve "$ASHLAR_EXAMPLES_BIN/file_disk" full/image
expect_dd_error "No space left on device" if=data of="$disk" bs=512K count=1 oflag=direct
has_line 'device [0-9]+: queue 0: tag [0-9]+: write of [0-9]+ bytes at [0-9]+: .*ENOSPC' \
  server.err || fail "the log has: $(<server.err)"

# The same, buffered: fsync says it.
expect_dd_error "(No space left on device|Input/output error)" \
  if=data of="$disk" bs=512K count=1 seek=4 conv=fsync

# The disk goes on; with room the same write is good, and is there.
rm full/ballast
dd if=data of="$disk" bs=512K count=1 oflag=direct status=none
cmp -n $((512 * 1024)) data full/image
dd if="$disk" bs=512K count=1 iflag=direct status=none | cmp - data

# A read behind the end of a file that has shrunk is an error, not old memory.
truncate -s 32M full/image
expect_dd_error "Input/output error" if="$disk" of=got bs=64K skip=640 count=1 iflag=direct
end_server
umount full
