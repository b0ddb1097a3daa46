#!/bin/bash
# A file system with dirty pages whose server exits: whoever writes back, syncs or unmounts gets an
# error, or waits for the next server and then gets none; nothing hangs, none of our commands either, and
# what was synced before is there.
# by hand
# limit: 300
. "${0%/*}/functions.sh"
requires mkfs.ext4 e2fsck

# In so many seconds, at most, though pages wait to be written.
commands_end() {
  local since=$SECONDS
  "$ASHLAR" list >said
  "$ASHLAR" show "$id" >said
  "$ASHLAR" why "$id" >said || true
  [ $((SECONDS - since)) -le 60 ] || fail "they took $((SECONDS - since)) s"
}
dirty() { awk '$1 == "Dirty:" || $1 == "Writeback:" { kib += $2 } END { exit kib < 4096 }' /proc/meminfo; }
# with_dirty_pages OPTION...: file image as a disk, ext4 on it, one file synced and one not.
with_dirty_pages() {
  rm -f image
  truncate -s 32M image
  add file image "$@"
  mkfs.ext4 -q "$disk"
  mount -t ext4 -o commit=300 "$disk" mnt
  cp data mnt/synced
  sync -f mnt
  cat data data data >mnt/dirty
  dirty || fail "no page is dirty: $(</proc/meminfo)"
}
in_background() { "$@" >bg.out 2>&1 & waiter=$!; }
ends() { wait_for 60 has_ended "$waiter"; status=0; wait "$waiter" || status=$?; }
# The image by itself: the file system is as after a power cut.
synced_is_there() {
  e2fsck -fy image >fsck 2>&1 || [ $? -le 1 ] || fail "$(<fsck)"
  mount -o loop image mnt
  cmp mnt/synced data
  umount mnt
}

modprobe loop
mkdir mnt
random_file data $((2 << 20))

# The device ends with its server: errors, at once.
with_dirty_pages --recovery fail
kill -KILL "$server"
in_background sync -f mnt
ends
[ $status -ne 0 ] || fail "sync has succeeded without a disk"
wait_for 60 has_state "$id" dead
commands_end
in_background umount mnt
ends
remove
synced_is_there

# Another server comes: who syncs has waited, and that is all.
with_dirty_pages
kill -KILL "$server"
wait_for 60 has_state "$id" quiesced
in_background sync -f mnt
pause 1
! has_ended "$waiter" || fail "sync has not waited: $(<bg.out)"
commands_end
"$ASHLAR" recover "$id"
ends
[ $status -eq 0 ] || fail "sync has failed: $(<bg.out)"
cat data data data | cmp - mnt/dirty
umount mnt
e2fsck -fn "$disk" >fsck 2>&1 || fail "$(<fsck)"
remove
synced_is_there

# It does not come, and the device is removed, with an unmount that waits.
with_dirty_pages
kill -KILL "$server"
wait_for 60 has_state "$id" quiesced
in_background umount mnt
pause 1
! has_ended "$waiter" || fail "umount has not waited: $(<bg.out)"
commands_end
"$ASHLAR" del "$id" --force --timeout 3 2>said
ends
! mountpoint -q mnt || umount mnt
wait_for 60 is_gone "/sys/class/ublk-char/ublkc$id"
synced_is_there
