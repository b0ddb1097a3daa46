#!/bin/bash
# By each lane and delivery that the kernel has the same bytes arrive, many sizes at a time, in direct
# I/O and through the page cache, and with the copies that the lane promises; show tells the choice and
# why; what the kernel or the target can't do is refused.
# limit: 300
. "${0%/*}/functions.sh"
requires fio mkfs.ext4

"$ASHLAR" features >kernel-has
has() { grep -qE "^ yes +$1( |\$)" kernel-has; }
lanes=(plain in-place) deliveries=(tag)
! has USER_COPY || lanes+=(user-copy)
! has SUPPORT_ZERO_COPY || lanes+=(zero-copy-manual)
! has AUTO_BUF_REG || lanes+=(zero-copy)
! has BATCH_IO || deliveries+=(batch)
shows() { # KEY REGEX
  "$ASHLAR" show "$id" | grep -E "^$1: +$2" >/dev/null || fail "no '$1: $2' in: $("$ASHLAR" show "$id")"
}
copied_times() { # N: the bytes that were read and written
  local moved
  moved=$(moved)
  [ "$(counter bytes_copied)" -eq $(($1 * moved)) ] ||
    fail "$lane has copied $(counter bytes_copied) bytes of $moved"
}
moved() { echo $(($(counter bytes_read) + $(counter bytes_written))); }
overwritten_in_place() { # what has its memory already is copied once
  local moved copied
  moved=$(moved) copied=$(counter bytes_copied)
  if [ "$copied" -lt "$moved" ] || [ "$copied" -gt $((2 * moved)) ]; then
    fail "$lane has copied $copied bytes of $moved"
  fi
  # By each processor's queue.
  for cpu in 0 1; do
    taskset -c $cpu dd if=data of="$disk" bs=512K seek=80 oflag=direct status=none
    taskset -c $cpu dd if="$disk" bs=512K skip=80 count=12 iflag=direct status=none | cmp - data
  done
  [ "$(moved)" -ge $((moved + (12 << 20))) ] || fail "queue 0 has moved less than it was given"
  [ $(($(counter bytes_copied) - copied)) -eq $(($(moved) - moved)) ] ||
    fail "$lane has copied $(($(counter bytes_copied) - copied)) bytes of $(($(moved) - moved))"
}

# An image in a tmpfs would be read and written at once: its data is not passed on.
add mem 128M
backing=$id
mkfs.ext4 -q "$disk"
mkdir host
mount -t ext4 "$disk" host
random_file data $((6 << 20))
for lane in "${lanes[@]}"; do
  for delivery in "${deliveries[@]}"; do
    targets=(mem)
    [ "$lane" != in-place ] || [ "$delivery" = tag ] || continue
    case $lane in
      plain) targets+=(file) ;;
      zero-copy*) targets=(file) ;;
    esac
    for target in "${targets[@]}"; do
      what=(mem 48M)
      [ "$target" = mem ] || what=(file "$PWD/host/image" --create --size 48M)
      add "${what[@]}" --lane "$lane" --delivery "$delivery" --queues 2 --depth 32
      name=${lane/-/ }
      [ "$lane" != zero-copy-manual ] || name='manual zero copy'
      shows lane "$name.*asked for"
      verify_fio <<'JOBS'
[mixed]
rw=randwrite
bssplit=512/20:4k/40:64k/30:512k/10
iodepth=48
size=1m
numjobs=2
offset_increment=16m
JOBS
      dd if=data of="$disk" bs=1M seek=40 conv=fsync status=none
      echo 3 >/proc/sys/vm/drop_caches
      dd if="$disk" of=got bs=1M skip=40 count=6 status=none
      cmp data got
      [ "$(counter failed)" -eq 0 ] || fail "requests failed: $target $lane $delivery"
      case $lane in
        zero-copy*) copied_times 0 ;;
        user-copy) copied_times 1 ;;
        in-place) overwritten_in_place ;;
      esac
      remove
      rm -f host/image
    done
  done
done
umount host
remove "$backing"

add mem 16M
if has USER_COPY; then shows lane "user copy \(.*copied once"; else shows lane "plain copy \(Linux"; fi
if has BATCH_IO; then shows delivery "in batches"; else shows delivery "by tag \(Linux .* 7\.0"; fi
remove
expect_refusal "where in memory" 1 "$ASHLAR" add null --lane in-place
expect_refusal "looks at the data|has no zero copy" 1 "$ASHLAR" add mem 16M --lane zero-copy
has BATCH_IO || expect_refusal "no batches .*7\.0" 1 "$ASHLAR" add mem 16M --delivery batch
