#!/bin/bash
# A program that shares memory with a disk's server writes from it and reads into it, and nobody copies
# but a target that has its data in memory itself; others use the disk meanwhile, and are copied for; a
# disk that was not made for it, or a kernel without it, is refused in words.
# any kernel
. "${0%/*}/functions.sh"

client() { "$ASHLAR_EXAMPLES_BIN/shared_memory" "$@"; }

"$ASHLAR" features >kernel-has
if ! grep -E '^ yes +SHMEM_ZC( |$)' kernel-has >/dev/null; then
  expect_refusal "no shared memory .*7\.1" 1 "$ASHLAR" add mem 16M --lane shared-memory
  exit 0
fi

# Until the kernel has looked for partitions.
settle() {
  local before
  until [ "$(counter requests)" = "${before-}" ]; do
    before=$(counter requests)
    sleep 0.3
  done
}
# copied_of_moved TIMES COMMAND…: of each byte that COMMAND has moved.
copied_of_moved() {
  local times=$1 moved copied
  shift
  moved=$(($(counter bytes_read) + $(counter bytes_written))) copied=$(counter bytes_copied)
  "$@"
  moved=$(($(counter bytes_read) + $(counter bytes_written) - moved))
  copied=$(($(counter bytes_copied) - copied))
  [ "$moved" -eq $((2 << 20)) ] || fail "$moved bytes were moved"
  [ "$copied" -eq $((times * moved)) ] || fail "$copied bytes were copied of $moved"
}
elsewhere() {
  random_file data $((1 << 20))
  dd if=data of="$disk" bs=1M oflag=direct status=none
  dd if="$disk" bs=1M count=1 iflag=direct status=none | cmp - data
}

for delivery in tag batch; do
  add mem 64M --lane shared-memory --delivery "$delivery"
  "$ASHLAR" show "$id" >shown
  has_line '^confined: .*no files but its own; no capabilities; system calls filtered' shown ||
    fail "$(<shown)"
  settle
  copied_of_moved 1 client "$id"
  copied_of_moved 2 elsewhere
  # Many at a time, and one after the other.
  for _ in 1 2 3; do client "$id" & done
  for _ in 1 2 3; do wait -n || fail "one of three clients has failed"; done
  client "$id"
  [ "$(counter failed)" -eq 0 ] || fail "requests failed"
  remove
done
truncate -s 64M image
add file "$PWD/image" --lane shared-memory
settle
copied_of_moved 0 client "$id"
remove

add mem 16M
expect_error "share memory: .*not made for it" 1 client "$id"
remove
expect_refusal "unknown to the next" 1 \
  "$ASHLAR" add mem 16M --lane shared-memory --recovery wait
