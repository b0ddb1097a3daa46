#!/bin/bash
# A plain user makes a device, by the permissions that udev's rules give: a file system is made on it,
# written and read back by that user through the node. Another user may neither open, nor change, nor
# remove it; root may. What such a device can't have is refused with the reason.
# limit: 240
. "${0%/*}/functions.sh"
requires setpriv udevadm mkfs.ext4 fsck.ext4
udevd=/lib/systemd/systemd-udevd
[ -x $udevd ] || skip "there is no $udevd"

end_udevd() {
  [ ! -e /run/udev/control ] || udevadm control --exit
  rm -rf /run/udev /dev/disk/by-diskseq
}
trap end_udevd EXIT
mkdir -p /run/udev/rules.d
sed "s|@ashlar_program@|$ASHLAR|" "$ASHLAR_SOURCE/udev/60-ashlar.rules.in" \
  >/run/udev/rules.d/60-ashlar.rules
# As ashlar(1) says, for all users.
echo 'KERNEL=="ublk-control", MODE="0666"' >/run/udev/rules.d/61-users.rules
$udevd --daemon
wait_for 60 test -e /run/udev/control
udevadm trigger --action=change /sys/class/misc/ublk-control
udevadm settle
[ "$(stat -c %a /dev/ublk-control)" = 666 ] || fail "the rule for ublk-control has done nothing"

as() { # UID COMMAND...
  setpriv --reuid "$1" --regid "$1" --clear-groups --bounding-set -all --inh-caps -all \
    env "ASHLAR_RUN_DIR=$work/run-$1" "${@:2}"
}
chmod 755 "$work"
for user in 1000 1001; do
  mkdir "run-$user"
  chown $user "run-$user"
done

expect_error "lane: user copy: .*copied by the kernel .*ADD-8" 1 \
  as 1000 "$ASHLAR" add mem 64M --unprivileged --lane user-copy
expect_error "lane: zero copy: .*copied by the kernel .*ADD-8" 1 \
  as 1000 "$ASHLAR" add mem 64M --unprivileged --lane zero-copy
expect_error "recovery: .*ends with its server" 1 \
  as 1000 "$ASHLAR" add mem 64M --unprivileged --recovery wait
expect_error "ADD_DEV: .*not permitted" 1 as 1000 "$ASHLAR" add mem 64M --no-lock
expect_error "CAP_SYS_ADMIN.*leave --unprivileged out" 1 "$ASHLAR" add mem 64M --unprivileged

disk=$(as 1000 "$ASHLAR" add mem 64M --unprivileged)
id=${disk#/dev/ublkb}
for node in "$disk" "/dev/ublkc$id"; do
  [ "$(stat -c '%u:%g %a' "$node")" = '1000:1000 600' ] || fail "$node: $(stat -c '%u:%g %a' "$node")"
done
as 1000 "$ASHLAR" show "$id" >shown
has_line '^lane: .*\(a device without privileges has none with fewer copies\)' shown || fail "$(<shown)"
as 1000 mkfs.ext4 -q "$disk"
as 1000 fsck.ext4 -nf "$disk" >checked 2>&1 || fail "$(<checked)"
random_file data $((4 << 20))
as 1000 dd if=data of="$disk" bs=64k seek=256 oflag=direct status=none
as 1000 dd if="$disk" bs=64k skip=256 count=64 iflag=direct status=none | cmp - data

# Another user.
! as 1001 dd if="$disk" of=/dev/null count=1 status=none 2>refused || fail "another user reads it"
has_line "Permission denied" refused || fail "$(<refused)"
expect_error "Permission denied|not permitted" 1 as 1001 "$ASHLAR" del "$id"
expect_error "Permission denied|not permitted" 1 as 1001 "$ASHLAR" show "$id"
# Even one who is given the node: the kernel looks at the owner.
chmod 666 "$disk"
! as 1001 dd if="$disk" of=/dev/null count=1 status=none 2>refused || fail "another user reads it"
has_line "not permitted" refused || fail "$(<refused)"
[ -b "$disk" ] || fail "$disk is gone"

as 1000 "$ASHLAR" del "$id"
is_gone "$disk" || fail "$disk is still there"
[ "$(ls run-1000)" = lock ] || fail "left: $(ls run-1000)"

# Root sees it and removes it.
disk=$(as 1000 "$ASHLAR" add mem 16M --unprivileged)
id=${disk#/dev/ublkb}
[ "$(list_state "$id")" = live ] || fail "root sees $("$ASHLAR" list)"
"$ASHLAR" del "$id"
is_gone "$disk" || fail "$disk is still there"
