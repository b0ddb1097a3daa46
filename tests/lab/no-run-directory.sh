#!/bin/bash
# A run directory that is missing, full, read-only or too long a name: one error that names it and
# says what to do, status 1, and no device, file or process is left.
# any kernel
. "${0%/*}/functions.sh"

in_run=(env ASHLAR_RUN_DIR="$work/run")
expect_no_start "/nonexistent/x: No such file or directory .*ASHLAR_RUN_DIR" \
  env ASHLAR_RUN_DIR=/nonexistent/x

# No room for the record.
mkdir run
mount -t tmpfs -o size=4k,nr_inodes=20 tmpfs run
head -c 4096 /dev/zero >run/ballast
expect_no_start "$work/run/0.json.*: No space left on device .*full.*ASHLAR_RUN_DIR" "${in_run[@]}"
[ "$(ls run)" = $'ballast\nlock' ] || fail "it left: $(ls run)"
umount run

# No inode for the lock, for the record, for the socket.
for inodes in 2 3 4; do
  mount -t tmpfs -o size=64k,nr_inodes=$inodes tmpfs run
  touch run/ballast
  expect_no_start "$work/run/.*: No space left on device .*(full|has room).*" "${in_run[@]}"
  rm -f run/lock
  [ "$(ls run)" = ballast ] || fail "it left: $(ls run)"
  umount run
done

mount -t tmpfs -o ro tmpfs run
expect_no_start "$work/run/lock: Read-only file system .*ASHLAR_RUN_DIR" "${in_run[@]}"
umount run
touch file
expect_no_start "$work/file.*: Not a directory" env ASHLAR_RUN_DIR="$work/file"

long=$(printf '%0100d' 0)
mkdir "$long"
expect_no_start "ASHLAR_RUN_DIR: .*: File name too long .*107" env ASHLAR_RUN_DIR="$work/$long"
[ "$(ls "$long")" = lock ] || fail "it left: $(ls "$long")"

# A log that can't be written is no reason to fail.
mount -t tmpfs -o size=64k,nr_inodes=5 tmpfs run
touch run/ballast
"${in_run[@]}" "$ASHLAR" add mem 64M
"${in_run[@]}" "$ASHLAR" del 0
umount run
