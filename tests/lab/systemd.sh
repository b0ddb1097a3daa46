#!/bin/bash
# systemd: the unit ashlar@NAME, with all that it takes from a service, under systemd itself, which is
# the first process of a space of process numbers: ready, watched, told to look again at its file,
# made anew after a kill while its devices go on, and ended with them.
# any kernel
# limit: 300
. "${0%/*}/functions.sh"
systemd=/lib/systemd/systemd
requires systemctl unshare nsenter
[ -x $systemd ] || skip "there is no $systemd"

mkdir -p /run/systemd/system /etc/ashlar
sed "s#@ashlar_program@#$ASHLAR#" "$ASHLAR_SOURCE/systemd/ashlar@.service.in" \
  >/run/systemd/system/ashlar@.service
printf '%s\n' '[Unit]' 'DefaultDependencies=no' 'Wants=ashlar@lab.service' \
  >/run/systemd/system/lab.target
cat >/etc/ashlar/lab.toml <<FILE
[device.memory]
target = "mem"
size = "8M"

[device.image]
target = "file"
path = "$work/image"
FILE
truncate -s 16M image
truncate -s 16M image2

container=lab unshare --pid --mount --fork --mount-proc \
  $systemd --system --unit=lab.target --log-target=console >said 2>&1 &
outside=$!
cleanup() {
  status=$?
  [ $status -eq 0 ] || { within systemctl status ashlar@lab --no-pager; tail -n 30 said; } 2>&1
  rm -f /etc/ashlar/lab.toml /run/systemd/system/{ashlar@.service,lab.target}
  kill -9 "$first" 2>/dev/null || true
}
has_first() { first=$(pgrep -P "$outside" | head -n 1) && [ -n "$first" ]; }
wait_for 30 has_first
trap cleanup EXIT
within() { nsenter -t "$first" -p -m "$@"; }
state() { within systemctl show ashlar@lab -P "$1" 2>/dev/null; }
is_active() { [ "$(state ActiveState)" = active ]; }
is_inactive() { [ "$(state ActiveState)" = inactive ]; }
node_of() { within "$ASHLAR" show "$1" --json | jq -r .node; }

# Type=notify: it is active when its devices are there.
wait_for 90 is_active
memory=$(node_of memory)
image=$(node_of image)
[ -b "$memory" ] && [ -b "$image" ] || fail "no disks"
[ "$(state StatusText)" = "2 of 2 devices are served" ] || fail "status: $(state StatusText)"
[ "$(state WatchdogUSec)" = 1min ] || fail "not watched"
random_file want 1M
dd if=want of="$image" bs=64k oflag=direct status=none
cmp -n 1048576 want image
# Its servers are confined as they are without a unit.
within "$ASHLAR" show image >shown
has_line 'confined' shown || fail "not confined: $(<shown)"

printf '%s\n' '[device.more]' 'target = "file"' "path = \"$work/image2\"" >>/etc/ashlar/lab.toml
within systemctl reload ashlar@lab
three_served() { [ "$(state StatusText)" = "3 of 3 devices are served" ]; }
wait_for 60 three_served

# Killed, it is made anew, and finds its devices, which have not stopped.
server=$(within "$ASHLAR" show image --json | jq .pid)
old=$(state MainPID)
within kill -9 "$old"
is_new() { is_active && [ "$(state MainPID)" != "$old" ] && [ "$(state MainPID)" != 0 ]; }
wait_for 60 is_new
wait_for 60 three_served
[ "$(within "$ASHLAR" show image --json | jq .pid)" = "$server" ] || fail "its server is another one"
cmp -n 1048576 want "$image"

within systemctl stop ashlar@lab
wait_for 60 is_inactive
[ "$(state Result)" = success ] || fail "its end: $(state Result)"
[ ! -e "$memory" ] && [ ! -e "$image" ] || fail "its disks are left"
