#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The demonstration itself: a RAM disk served by ashlar carries a file system. Runs as root under a
# kernel with ublk, on a machine or in the lab: see ./dev demo. Fails if any step of it fails.

set -u -o pipefail
export PATH=$PATH:/usr/sbin:/sbin

step_limit_s=120  # for the slowest emulation

work='' server='' device=''

say() { printf '\n%s\n' "$*"; }
indent() { sed -u 's/^/    /'; }
fail() {
    printf '\ndemo: failed: %s\n' "$*" >&2
    exit 1
}
# Shows a command, runs it, shows what it prints.
run() {
    printf '  $ %s\n' "$*"
    "$@" 2>&1 | indent || fail "$*"
}

tidy_up() {
    if [[ -n $work ]]; then
        ! mountpoint -q "$work/disk" || umount "$work/disk"
        # The second signal removes the disk even if it is in use.
        if [[ -n $server ]] && kill -TERM "$server" 2>/dev/null; then
            sleep 1
            kill -TERM "$server" 2>/dev/null
            wait "$server"
        fi
        rm -rf "$work"
    fi
}
trap tidy_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

program=${1-}
[[ $# == 1 && -x $program ]] || fail "usage: tools/dev/demo.sh PROGRAM"
((EUID == 0)) || fail 'it makes a block device, which takes root'
work=$(mktemp -d /tmp/ashlar-demo.XXXXXX) || exit 1
mkdir "$work/disk"
mkfifo "$work/told"

say "This is Linux $(uname -r). Its ublk driver hands the requests of a block device to a program."

say "1. ashlar makes a block device, a RAM disk of 256 MiB, in eight steps, and serves it:"
echo "  \$ ashlar run mem 256M --steps"
"$program" run mem 256M --steps >"$work/told" 2>&1 &
server=$!
exec {told}<"$work/told"
done_steps=0
while ((done_steps < 8)) && IFS= read -r -t $step_limit_s -u "$told" line; do
    printf '  %s\n' "$line"
    [[ $line != /dev/ublkb* ]] || device=$line
    [[ ! $line =~ ^\ *([1-8])/8 ]] || done_steps=${BASH_REMATCH[1]}
done
((done_steps == 8)) || fail "the device does not start"
[[ -b $device ]] || fail "ashlar names no block device"
run lsblk -n -o NAME,SIZE,TYPE "$device"

say "2. A file system is made on it:"
run mkfs.ext4 -q "$device"

say "3. It is mounted, and a file of 32 MiB is written:"
run mount "$device" "$work/disk"
run dd if=/dev/urandom "of=$work/disk/file" bs=1M count=32 status=none
before=$(sha256sum <"$work/disk/file") || fail 'sha256sum'
run df -h --output=source,fstype,size,used "$work/disk"

say "4. It is unmounted, and what the kernel remembers of it is dropped. Now only ashlar has the data:"
run umount "$work/disk"
run blockdev --flushbufs "$device"

say "5. It is checked, mounted again, and the file is read back:"
run fsck.ext4 -f -n "$device"
run mount -o ro "$device" "$work/disk"
after=$(sha256sum <"$work/disk/file") || fail 'sha256sum'
printf '  $ sha256sum %s\n' "$work/disk/file"
printf '    %s now\n    %s when it was written\n' "${after%% *}" "${before%% *}"
[[ $before == "$after" ]] || fail 'the file has changed'

say "6. It is unmounted, and the program is ended as by Ctrl-C, which removes the device:"
run umount "$work/disk"
printf '  $ kill -INT %d\n' "$server"
kill -INT "$server" || fail 'the server is gone already'
wait "$server"
status=$?
server=''
((status == 0)) || fail "ashlar ended with status $status: $(timeout 1 cat <&"$told")"
[[ ! -e $device ]] || fail "$device is still there"
[[ ! -e /sys/class/block/${device##*/} ]] || fail "the kernel still has ${device##*/}"
printf '  $ stat %s\n' "$device"
! stat "$device" 2>&1 | indent || fail "$device is still there"

say "All of it worked: $device was made, used and removed."
