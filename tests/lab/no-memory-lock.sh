#!/bin/bash
# A small limit of locked memory, for root without CAP_IPC_LOCK: said so, with the limit and what to
# do, status 1, nothing made; and what it says helps.
# any kernel
. "${0%/*}/functions.sh"
requires setpriv prlimit

limited=(prlimit --memlock=65536 setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock)
expect_no_start "lock the server's memory: .*locked memory is 64 KiB.*--no-lock" "${limited[@]}"
"${limited[@]}" "$ASHLAR" add mem 64M --no-lock
# With a lock nothing of the server is ever swapped.
grep -qE '^VmLck:\s+0 kB' "/proc/$(pgrep -x ashlar)/status" || fail "it is locked all the same"
"$ASHLAR" del 0
add mem 64M
grep -qE '^VmLck:\s+[1-9]' "/proc/$server/status" || fail "the server's memory is not locked"
remove
