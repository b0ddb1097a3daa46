#!/bin/bash
# A disk in use is not torn out: del refuses, and names the mount point, the process or the swap; so
# with a partition of it. With --force it goes, and who used it gets errors.
. "${0%/*}/functions.sh"
requires mkfs.ext4 mkswap swapon sfdisk

mounted_by() { [ "$(readlink "/proc/$1/exe")" = "$(command -v sleep)" ] && grep -q " $work/mnt " "/proc/$1/mountinfo"; }

add mem 64M
mkfs.ext4 -q "$disk"
mkdir mnt
mount -t ext4 "$disk" mnt
expect_error "stop: $disk: Device or resource busy.*mounted at $work/mnt.* do: " 1 "$ASHLAR" del "$id"
expect_error "mounted at $work/mnt" 1 "$ASHLAR" del --all
"$ASHLAR" show "$id" | grep "in use: *mounted at $work/mnt" >/dev/null || fail "show does not tell"
# In somebody else's mount namespace only.
unshare --mount --propagation private sleep 1000 &
sleeper=$!
wait_for 60 mounted_by $sleeper
umount mnt
expect_error "stop: $disk: .*mounted at $work/mnt by sleep \(pid $sleeper\)" 1 "$ASHLAR" del "$id"
kill $sleeper
wait $sleeper || true

# Held by a process.
tail -f <"$disk" >/dev/null &
sleeper=$!
expect_error "stop: $disk: .*open by tail \(pid $sleeper\)" 1 "$ASHLAR" del "$id"
kill $sleeper
wait $sleeper || true

# By the caller, whose descriptors del inherits: it does not name itself.
exec {held}<"$disk"
expect_error "stop: $disk: .*why: it is open by bash \(pid $$\) +do:" 1 "$ASHLAR" del "$id"
exec {held}<&-

mkswap "$disk" >/dev/null
swapon "$disk"
expect_error "stop: $disk: .*used as swap" 1 "$ASHLAR" del "$id"
swapoff "$disk"
remove

add mem 64M
printf '1M,16M\n,32M\n' | sfdisk -q "$disk"
wait_for 60 test -b "${disk}p2"
mkfs.ext4 -q "${disk}p2"
mount -t ext4 "${disk}p2" mnt
expect_error "stop: $disk: .*mounted at $work/mnt" 1 "$ASHLAR" del "$id"
umount mnt
exec {held}<"${disk}p1"
expect_error "stop: $disk: .*open by bash \(pid $$\)" 1 "$ASHLAR" del "$id"
exec {held}<&-
remove

# By force: the disk goes at once, its number when nobody holds it any more.
add mem 64M
mkfs.ext4 -q "$disk"
mount -t ext4 "$disk" mnt
exec {held}<"$disk"
"$ASHLAR" del --force "$id" 2>said &
remover=$!
wait_for 60 is_gone "$disk"
wait_for 60 has_ended "$server"
[ "$(ls /run/ashlar)" = lock ] || fail "left: $(ls /run/ashlar)"
umount mnt
exec {held}<&-
wait $remover || fail "del --force: $(<said)"
wait_for 60 is_gone "/sys/class/ublk-char/ublkc$id"
