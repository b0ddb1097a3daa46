#!/bin/bash
# No loss without an error: where the file system beneath is full, each write that did not fit has
# failed, or the flush has, buffered and direct, and what was acknowledged is there.
# A disk that acknowledges what it has not kept is found out by the same look.
. "${0%/*}/functions.sh"
requires mkfs.ext4 mkfs.xfs losetup
modprobe loop

random_file data $((512 * 1024))
# fill_up FILE_SYSTEM: a host with an image of 64 MiB and little room.
fill_up() {
  host_on "$1" 320 8
  truncate -s 64M host/image
  # Most of it at once, then until nothing fits; whoever is root has more than is said to be free.
  fallocate -l $(($(stat -f -c '%a * %S' host) * 9 / 10)) host/ballast
  ! dd if=/dev/zero bs=64K status=none >>host/ballast 2>said || fail "it does not get full"
  truncate -s -256K host/ballast
  sync -f host
}

serve "$ASHLAR_TESTS_BIN/faulty_disk" 16M lose@0+512K
dd if=data of="$disk" bs=512K count=1 oflag=direct conv=fsync status=none
! dd if="$disk" bs=512K count=1 iflag=direct status=none | cmp -s - data || fail "nothing was lost"
end_server

for way in tmpfs:auto ext4:off xfs:auto; do
  system=${way%:*} direct=${way#*:}
  fill_up "$system"
  add file host/image --direct "$direct"
  good=0 bad=0
  for at in {0..7}; do
    if dd if=data of="$disk" bs=512K count=1 seek="$at" oflag=direct conv=fsync status=none \
      2>said; then
      good=$((good + 1))
      dd if="$disk" bs=512K count=1 skip="$at" iflag=direct status=none | cmp - data ||
        fail "$system: what was acknowledged is not there"
      cmp -i $((at << 19)):0 -n $((512 * 1024)) host/image data ||
        fail "$system: what was flushed is not in the image"
    else
      bad=$((bad + 1))
      grep -qE 'No space left on device|Input/output error' said || fail "$(<said)"
    fi
  done
  [ $bad -gt 4 ] || fail "$system: only $bad of 8 writes failed"
  echo "$system, direct $direct: $good written, $bad refused"
  remove
  remove_host
done
