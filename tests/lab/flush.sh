#!/bin/bash
# With a volatile cache, fsync and O_DSYNC reach the server as flushes, each behind the writes that
# it is for; a write with FUA is followed by its flush. Without a cache nobody asks for a flush, and
# the kernel calls the disk write-through.
. "${0%/*}/functions.sh"
requires jq mkfs.ext4

word() { tr -d '[:space:]' <"/sys/block/ublkb$id/queue/$1"; }
flushes() { grep -c ^flush log || true; }

serve "$ASHLAR_TESTS_BIN/recording_disk" 64M "$work/log" volatile-cache
[ "$(<"/sys/block/ublkb$id/queue/write_cache")" = "write back" ] || fail "write_cache"
[ "$(word fua)" = 1 ] || fail "no FUA"
random_file data $((64 << 10))

# fsync: all writes, then a flush.
: >log
dd if=data of="$disk" bs=4K conv=fsync status=none
[ "$(awk '$1 == "write" { n += $3 } END { print n }' log)" -eq 65536 ] || fail "writes: $(<log)"
[ "$(flushes)" -ge 1 ] || fail "fsync asked for no flush: $(<log)"
[[ $(tail -n 1 log) = flush* ]] || fail "a write came behind the flush: $(<log)"

# O_DSYNC: each write goes with FUA, and its flush is right behind it. Other flushes are the
# kernel's own, which are counted.
: >log
before=$(counter flushes)
dd if=data of="$disk" bs=4K count=8 oflag=direct,dsync status=none
grep -v ^read log | awk '
  $1 == "write" && ($2 != 4096 * n++ || $3 != 4096 || (last && last != "flush")) { exit bad = 1 }
  { last = $1 }
  END { exit bad || n != 8 || last != "flush" }' || fail "O_DSYNC: $(<log)"
[ "$(flushes)" -eq $(($(counter flushes) - before + 8)) ] ||
  fail "$(counter flushes) flushes of the kernel, $before before, and FUA: $(<log)"

# Plain writes ask for none.
: >log
dd if=data of="$disk" bs=4K count=8 oflag=direct status=none
[ "$(flushes)" -eq 0 ] || fail "a plain write was flushed: $(<log)"

# A file system's fsync: data, then a flush or FUA.
mkfs.ext4 -q "$disk"
mkdir mnt
mount -t ext4 "$disk" mnt
sync -f mnt
: >log
dd if=data of=mnt/file bs=4K conv=fsync status=none
cp log seen
grep -q ^write seen || fail "fsync of a file has written nothing"
grep -q ^flush seen || fail "fsync of a file asked for no flush: $(<seen)"
umount mnt
end_server

for durability in none write-through; do
  serve "$ASHLAR_TESTS_BIN/recording_disk" 64M "$work/log" $durability
  [ "$(<"/sys/block/ublkb$id/queue/write_cache")" = "write through" ] || fail "write_cache"
  : >log
  dd if=data of="$disk" bs=4K conv=fsync status=none
  dd if=data of="$disk" bs=4K count=8 oflag=direct,dsync status=none
  grep -q ^write log || fail "nothing was written"
  [ "$(flushes)" -eq 0 ] || fail "a flush without a cache: $(<log)"
  end_server
done

# A flush that fails is an error of who asked for it, of fsync and of O_DSYNC.
serve "$ASHLAR_TESTS_BIN/faulty_disk" 16M --flush 5
expect_dd_error "Input/output error" if=data of="$disk" bs=4K count=1 oflag=direct,dsync
expect_dd_error "Input/output error" if=data of="$disk" bs=4K count=1 conv=fsync
has_line 'write of 4096 bytes at 0: the flush of a write with FUA failed|flush of .* FUA failed' \
  server.err || fail "the log has: $(<server.err)"
dd if=data of="$disk" bs=4K count=1 oflag=direct status=none
end_server
