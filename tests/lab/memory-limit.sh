#!/bin/bash
# A RAM disk larger than its control group's memory: when that is used up, writes fail with "No
# space left", the server lives, nothing is killed, and what was written before is there.
# any kernel
. "${0%/*}/functions.sh"
requires jq
group=/sys/fs/cgroup/ashlar-test
[ -e /sys/fs/cgroup/cgroup.controllers ] || skip "no control groups of version 2"

mkdir $group
[ -e $group/memory.max ] || { rmdir $group; skip "no memory controller"; }
trap 'rmdir $group || true' EXIT
echo 64M >$group/memory.max
"$BASH" -c 'echo $$ >'$group'/cgroup.procs && exec "$ASHLAR" add mem 1G --depth 8' >out
read -r disk <out
id=${disk#/dev/ublkb}
server=$("$ASHLAR" list --json | jq '.devices[0].pid')
grep -q "^$server\$" $group/cgroup.procs || fail "the server is not in its group"

random_file data $((128 << 20))
expect_dd_error "No space left on device" if=data of="$disk" bs=64K oflag=direct
[[ $(<stderr) =~ ([0-9]+)\+0\ records\ out ]] || fail "dd says: $(<stderr)"
written=${BASH_REMATCH[1]}
[ "$written" -ge 256 ] || fail "only $written blocks of 64 KiB were written"
kill -0 "$server" || fail "the server is gone"
grep -qE '^oom_kill 0$' $group/memory.events || fail "killed: $(<$group/memory.events)"
has_line "write of 65536 bytes at [0-9]+: .*\(ENOSPC\)" "/run/ashlar/$id.log" ||
  fail "its log has: $(<"/run/ashlar/$id.log")"
dd if="$disk" bs=64K count="$written" iflag=direct status=none |
  cmp -n $((written * 65536)) - data
[ "$(list_state "$id")" = live ] || fail "$("$ASHLAR" list)"

# It is asked for more again and again, by a file system too; that takes errors, and no more.
dd if=data of="$disk" bs=1M count=128 conv=fsync 2>said && fail "fsync did not tell"
grep -qE "No space left|Input/output" said || fail "dd says: $(<said)"
kill -0 "$server" || fail "the server is gone"
grep -qE '^oom_kill 0$' $group/memory.events || fail "killed: $(<$group/memory.events)"
# Room again.
blkdiscard "$disk"
dd if=data of="$disk" bs=64K count=128 oflag=direct status=none
dd if="$disk" bs=64K count=128 iflag=direct status=none | cmp -n $((8 << 20)) - data
remove
