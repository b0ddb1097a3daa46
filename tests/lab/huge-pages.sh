#!/bin/bash
# Huge pages: transparent ones are used, reserved ones are taken from those set aside and given back
# at the end; too few of them are refused, with what to do. Data and discard are right with both.
# any kernel
. "${0%/*}/functions.sh"

aside=/proc/sys/vm/nr_hugepages
trap 'echo 0 >$aside' EXIT
random_file data $((5 << 20))

check_data() {
  dd if=data of="$disk" bs=1M seek=3 oflag=direct status=none
  cmp -n $((5 << 20)) -i $((3 << 20)):0 "$disk" data
  blkdiscard -o $((4 << 20)) -l $((2 << 20)) "$disk"
  cmp -n $((1 << 20)) -i $((3 << 20)):0 "$disk" data
  cmp -n $((2 << 20)) -i $((4 << 20)):0 "$disk" /dev/zero
  cmp -n $((2 << 20)) -i $((6 << 20)):$((3 << 20)) "$disk" data
}

add mem 64M --huge-pages transparent
check_data
remove

echo 0 >$aside
expect_refusal "map the RAM disk: 64M: .*not enough free huge pages.*vm.nr_hugepages" 1 \
  "$ASHLAR" add mem 64M --huge-pages reserved
echo 40 >$aside
[ "$(<$aside)" -ge 32 ] || skip "the guest has no room for huge pages"
add mem 64M --huge-pages reserved
check_data
remove
grep -q '^HugePages_Rsvd: *0$' /proc/meminfo || fail "huge pages are still reserved"
