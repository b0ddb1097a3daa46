#!/bin/bash
# With udevd and ashlar's rules: /dev/ashlar/NAME and by-id/ashlar-NAME come with the device and go
# with it; so do by-uuid links after mkfs; names go to partitions, too; what udev probes doesn't hold up del.
# any kernel
. "${0%/*}/functions.sh"
requires mkfs.ext4 sfdisk udevadm blkid
udevd=/lib/systemd/systemd-udevd
[ -x $udevd ] || skip "there is no $udevd"
rules=$ASHLAR_SOURCE/udev/60-ashlar.rules.in
[ -e "$rules" ] || skip "there are no rules"

end_udevd() {
  [ ! -e /run/udev/control ] || udevadm control --exit
  rm -rf /run/udev /dev/disk/by-diskseq /dev/disk/by-id
  rmdir /dev/ashlar 2>/dev/null || true
}
trap end_udevd EXIT
mkdir -p /run/udev/rules.d
sed "s|@ashlar_program@|$ASHLAR|" "$rules" >/run/udev/rules.d/60-ashlar.rules
$udevd --daemon
wait_for 60 test -e /run/udev/control

points_to() { [ "$(readlink -f "$1" 2>/dev/null)" = "$2" ]; }
add mem 64M --name scratch
points_to /dev/ashlar/scratch "$disk" || fail "no /dev/ashlar/scratch when add has returned"
points_to /dev/disk/by-id/ashlar-scratch "$disk" || fail "no link by-id when add has returned"
scheduler=/sys/block/ublkb$id/queue/scheduler
has_line '\[none\]' "$scheduler" || fail "its scheduler: $(<"$scheduler")"
mkfs.ext4 -q -L written -U 12345678-1234-1234-1234-123456789abc /dev/ashlar/scratch
# By the watch on the node, when mkfs closes it.
wait_for 60 points_to /dev/disk/by-uuid/12345678-1234-1234-1234-123456789abc "$disk"
wait_for 60 points_to /dev/disk/by-label/written "$disk"
mkdir mnt
mount UUID=12345678-1234-1234-1234-123456789abc mnt
umount mnt
"$ASHLAR" show /dev/disk/by-id/ashlar-scratch >said
"$ASHLAR" del scratch
wait_for 60 is_gone /dev/ashlar/scratch
wait_for 60 is_gone /dev/disk/by-id/ashlar-scratch
wait_for 60 is_gone /dev/disk/by-uuid/12345678-1234-1234-1234-123456789abc

# Partitions of a disk that has a name; a disk that has none.
add mem 64M --name parts
printf '1M,16M\n,32M\n' | sfdisk -q "$disk"
wait_for 60 points_to /dev/ashlar/parts-part2 "${disk}p2"
wait_for 60 points_to /dev/disk/by-id/ashlar-parts-part2 "${disk}p2"
add mem 16M
[ "$(echo /dev/ashlar/*)" = "/dev/ashlar/parts /dev/ashlar/parts-part1 /dev/ashlar/parts-part2" ] ||
  fail "links: $(echo /dev/ashlar/*)"
"$ASHLAR" del --all

# What udev still knows of an older disk of the same number is not taken for the new one's.
add mem 16M --name older
udev_pid=$(pgrep -x systemd-udevd | head -n 1)
kill -STOP "$udev_pid"
"$ASHLAR" del older
"$ASHLAR" add mem 16M --name newer >out 2>err &
adder=$!
wait_for 60 test -b "$disk"
pause 0.5
[ ! -s out ] || fail "add did not wait for udev"
kill -CONT "$udev_pid"
wait $adder
[ ! -s err ] || fail "it says: $(<err)"
points_to /dev/ashlar/newer "$disk" || fail "no /dev/ashlar/newer when add has returned"
"$ASHLAR" del newer

# Deleted right behind what makes udev look.
for n in {1..10}; do
  add mem 16M --name again 2>err
  [ ! -s err ] || fail "round $n: it says: $(<err)"
  points_to /dev/ashlar/again "$disk" || fail "round $n: no link"
  printf x 1<>"$disk"
  udevadm trigger --action=change "/sys/block/ublkb$id"
  "$ASHLAR" del again
done
udevadm settle
is_gone /dev/ashlar/again || fail "the link is still there"
