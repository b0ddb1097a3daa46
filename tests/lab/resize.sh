#!/bin/bash
# Disks in use get another size. A supervised RAM disk and a file beneath ext4 grow under load, the
# file system follows, and contents are right; a killed server comes back with the new size, and so
# does an upgraded one. Shrinking wants its word. A kernel before 6.16 is not asked: the rule says why.
# limit: 240
. "${0%/*}/functions.sh"
requires fio mkfs.ext4 resize2fs e2fsck

disk_bytes() { blockdev --getsize64 "$disk"; }

if kernel_is_before 6.16; then
  add mem 64M
  expect_error "device $id.*EOPNOTSUPP.*rule D-7" 1 "$ASHLAR" resize "$id" 128M
  [ "$(disk_bytes)" -eq $((64 << 20)) ] || fail "it has $(disk_bytes) bytes"
  remove
  exit 0
fi

# A RAM disk, beneath a file system, under load, and behind a dead server.
add mem 64M --supervise --queues 2
mkfs.ext4 -q "$disk"
mkdir mnt
mount -t ext4 "$disk" mnt
fill mnt/tree 8
sums mnt/tree >before
"$ASHLAR" resize "$id" +64M >said
[ "$(<said)" = "$disk has 128 MiB now, and had 64 MiB" ] || fail "it said: $(<said)"
[ "$(disk_bytes)" -eq $((128 << 20)) ] || fail "it has $(disk_bytes) bytes"
resize2fs "$disk"
[ "$(stat -f -c '%b * %S' mnt | bc)" -gt $((110 << 20)) ] || fail "the file system did not grow"
random_file mnt/more $((70 << 20))
md5sum mnt/more >before.more
kill -KILL "$server"
wait_for 60 has_state "$id" live
sums mnt/tree | cmp - before
md5sum --quiet -c before.more
[ "$(disk_bytes)" -eq $((128 << 20)) ] || fail "a new server made it $(disk_bytes) bytes"
"$ASHLAR" upgrade "$id"
sync -f mnt
echo 3 >/proc/sys/vm/drop_caches
md5sum --quiet -c before.more
rm mnt/more
umount mnt
e2fsck -fy "$disk" || fail "e2fsck found something"
expect_error "device $id .*would be lost.*--shrink" 1 "$ASHLAR" resize "$id" 64M
resize2fs "$disk" 60M
"$ASHLAR" resize "$id" 64M --shrink --json >said
has_line '"size": 67108864' said || fail "it said: $(<said)"
e2fsck -fn "$disk" || fail "e2fsck found something after shrinking"
"$ASHLAR" resize "$id" 128M
# What it was cut by is zeros.
cmp -n $((64 << 20)) "$disk" /dev/zero -i $((64 << 20)):0
remove

# Load while the size goes up and down; all of it stays within the smaller one.
add mem 64M --queues 2
storm_until enough 16m 2>fio.err &
writer=$!
wait_for 60 has_written 500
for size in 256M 64M 1G 64M; do
  "$ASHLAR" resize "$id" $size --shrink
  wait_for 60 has_written $(($(written) + 500))
done
touch enough
wait $writer || fail "the writer has failed: $(<fio.err)"
remove

# A file: by itself where it has grown, and with a size, which makes it longer.
truncate -s 64M image
add file image
mkfs.ext4 -q "$disk"
mount -t ext4 "$disk" mnt
fill mnt/tree 8
sums mnt/tree >before
[ "$("$ASHLAR" resize "$id")" = "$disk has 64 MiB, as before" ]
truncate -s 96M image
[ "$("$ASHLAR" resize "$id")" = "$disk has 96 MiB now, and had 64 MiB" ]
resize2fs "$disk"
"$ASHLAR" resize "$id" 128M
[ "$(stat -c %s image)" -eq $((128 << 20)) ] || fail "the file has $(stat -c %s image) bytes"
resize2fs "$disk"
sums mnt/tree | cmp - before
umount mnt
e2fsck -fn "$disk" || fail "e2fsck found something"
# Smaller than its file: a server that comes later must not take all of that.
"$ASHLAR" resize "$id" 120M --shrink
kill -KILL "$server"
wait_for 60 has_state "$id" quiesced
"$ASHLAR" recover "$id"
[ "$(disk_bytes)" -eq $((120 << 20)) ] || fail "it was recovered with $(disk_bytes) bytes"
[ "$("$ASHLAR" resize "$id")" = "$disk has 128 MiB now, and had 120 MiB" ]
cmp image "$disk"
remove
rmdir mnt
