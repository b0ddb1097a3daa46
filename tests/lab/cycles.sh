#!/bin/bash
# A device made and removed 200 times (or $ASHLAR_LAB_CYCLES): always the same number, and afterwards as many
# nodes, files, processes and open descriptors as before.
# limit: 600
# any kernel
. "${0%/*}/functions.sh"

# One time for what is loaded and made once.
add mem 16M
remove

inventory() {
  local files=(/dev/* /sys/class/ublk-char/* /sys/block/* /sys/devices/virtual/bdi/* /run/ashlar/*)
  printf '%s\n' "${files[@]}"
}
open_files() { local fields; read -ra fields </proc/sys/fs/file-nr; echo "${fields[0]}"; }
inventory >before
opened=$(open_files)
for ((cycle = 1; cycle <= ${ASHLAR_LAB_CYCLES:-200}; ++cycle)); do
  path=$("$ASHLAR" add mem 16M)
  [ "$path" = /dev/ublkb0 ] || fail "cycle $cycle: $path"
  printf x 1<>"$path"
  read -r -N 1 byte <"$path"
  [ "$byte" = x ] || fail "cycle $cycle: it reads '$byte'"
  "$ASHLAR" del 0
  [ ! -e "$path" ] || fail "cycle $cycle: $path is still there"
done
inventory >after
diff before after
# The kernel counts by CPU and in batches.
[ $(($(open_files) - opened)) -lt 100 ] || fail "$opened open files before, $(open_files) after"
