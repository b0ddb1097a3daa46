#!/bin/bash
# What is no disk is refused in words and leaves nothing behind; a window of a file with a partition
# table; locks against a second writer, a loop device and a reader.
# any kernel
. "${0%/*}/functions.sh"
requires sfdisk losetup
modprobe loop

mkdir folder
: >empty
truncate -s 1000 odd
truncate -s 64M image
refused() { expect_refusal "$1" "$2" "$ASHLAR" add file "${@:3}"; }
refused "folder.*it is a directory" 2 folder
refused "/dev/null.*it is a character device" 2 /dev/null
refused "nowhere.*No such file" 1 nowhere
refused "empty.*it is empty" 2 empty
refused "odd.*1000 bytes, is not a multiple of the block, 512 bytes" 2 odd
refused "image.*it has 64M, and the disk is to have 1G" 2 image --size 1G
refused "the offset, 100 bytes" 2 image --offset 100
refused "a file is made of a size" 2 new --create
[ ! -e new ] || fail "a file was made"

# From where the user stands, though the server is somewhere else.
add file image
sfdisk -q "$disk" <<<$'4M,16M\n,32M'
in_use='image: Device or resource busy'
expect_error "$in_use.*process $server \(ashlar\)" 1 "$ASHLAR" add file image
expect_error "$in_use.*it writes to the file" 1 "$ASHLAR" add file image --read-only
one=$id
add file image --locking off
remove
id=$one disk=/dev/ublkb$one
random_file data $((1 << 20))
wait_for 60 test -b "${disk}p1"
dd if=data of="${disk}p1" bs=1M oflag=direct status=none
remove

# The first partition alone, by its place in the file.
add file image --offset 4M --size 16M --read-only
[ "$(blockdev --getsize64 "$disk")" -eq $((16 << 20)) ] || fail "size of the window"
dd if="$disk" bs=1M count=1 iflag=direct status=none | cmp - data
one=$id
add file image --read-only
remove
remove "$one"

loop=$(losetup -f --show image)
refused "it is the backing file of $loop" 1 image
losetup -d "$loop"

# A file that is made keeps its holes; it is made once.
add file made --create --size 1G
[ "$(stat -c '%s %a' made)" = "$((1 << 30)) 600" ] || fail "made: $(stat -c '%s %a' made)"
remove
add file made --create --size 1G
dd if=data of="$disk" bs=1M seek=1000 oflag=direct status=none
remove
[ "$(stat -c %b made)" -lt $((4 << 11)) ] || fail "$(stat -c %b made) blocks"
cmp -i $((1000 << 20)):0 -n $((1 << 20)) made data
