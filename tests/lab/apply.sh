#!/bin/bash
# apply: the devices of a file are made once, served again, replaced and removed as the file says.
# any kernel
. "${0%/*}/functions.sh"

truncate -s 8M image.raw
cat >devices.toml <<'FILE'
[device.scratch]
target = "mem"
size = "16M"

[device.image]
target = "file"
path = "image.raw"
FILE
said() { grep -E "^(/dev/ublkb[0-9]+|-) $1\$" said >/dev/null || fail "no '$1': $(<said)"; }
apply() { "$ASHLAR" apply devices.toml "$@" >said; }
node_of() { "$ASHLAR" show "$1" --json | jq -r .node; }

# The line of what is wrong, and nothing is made.
printf '[device.a]\ntarget = "mem"\nsize = "1X"\n' >wrong.toml
expect_refusal "wrong.toml:3.*is no suffix of a size" 2 "$ASHLAR" apply wrong.toml

apply --dry-run
said 'scratch added'
[ ! -e /dev/ublkb0 ] || fail "a dry run has made a device"
apply
said 'scratch added'
said 'image added'
scratch=$(node_of scratch) image=$(node_of image)
[ "$(blockdev --getsize64 "$image")" -eq $((8 << 20)) ] || fail "a relative path is not the file's"
dd if=/dev/urandom of="$scratch" bs=64k count=1 oflag=direct status=none
cp "$scratch" before
apply
said 'scratch unchanged'
said 'image unchanged'

# What is wanted otherwise stays as it is until that is asked for, and a disk in use all the more.
sed -i 's/"16M"/"32M"\ndepth = 16/' devices.toml
expect_error "the file says now: mem --depth=16 --size=32M.*made by: mem --size=16M.*--replace" 1 \
  sh -c "$ASHLAR apply devices.toml >/dev/null"
cmp "$scratch" before
exec {user}<"$scratch"
expect_error "in use|busy" 1 sh -c "$ASHLAR apply devices.toml --replace >/dev/null"
exec {user}<&-
apply --replace
said 'scratch replaced'
said 'image unchanged'
scratch=$(node_of scratch)
[ "$(blockdev --getsize64 "$scratch")" -eq $((32 << 20)) ] || fail "it was not replaced"

# Another size alone: it grows and keeps what is on it. Less than it has is told, and not done.
if ! kernel_is_before 6.16; then
  dd if=before of="$scratch" bs=64k count=1 oflag=direct status=none
  sed -i 's/"32M"/"48M"/' devices.toml
  apply --dry-run
  said 'scratch resized'
  apply
  said 'scratch resized'
  [ "$(blockdev --getsize64 "$scratch")" -eq $((48 << 20)) ] || fail "it was not resized"
  cmp -n 65536 "$scratch" before
  apply
  said 'scratch unchanged'
  "$ASHLAR" resize scratch 64M >/dev/null
  expect_error "the file says 48M.* and the device has 64M.*do:.*resize --shrink" 1 \
    sh -c "$ASHLAR apply devices.toml >/dev/null"
  sed -i 's/"48M"/"64M"/' devices.toml
  apply
  said 'scratch unchanged'
fi

# One without server and keeper is served again.
keeper=$(jq -r '.recipe | fromjson | .keeper' "/run/ashlar/${image#/dev/ublkb}.json")
kill -9 "$keeper"
kill -9 "$("$ASHLAR" show image --json | jq .pid)"
waits() { [ "$("$ASHLAR" show image --json | jq -r .state)" != live ]; }
wait_for 60 waits
apply
said 'image recovered'
dd if="$image" of=/dev/null bs=64k iflag=direct status=none

# Somebody else's device of the same name, and what the file does not name any more.
add mem 4M --name other
printf '[device.other]\ntarget = "mem"\n' >other.toml
expect_error "$disk has this name" 1 "$ASHLAR" apply other.toml
remove
: >devices.toml
apply
[ -b "$image" ] || fail "it went without --prune"
apply --prune
said 'scratch removed'
said 'image removed'
