#!/bin/bash
# Many idle disks in one process: what each costs, and that nobody wakes up for them.
# ASHLAR_LAB_DEVICES (32) says how many; 1000 for the figures of docs/reliability.md.
# any kernel
# limit: 900
. "${0%/*}/functions.sh"
requires jq

count=${ASHLAR_LAB_DEVICES:-32}
limit=/sys/module/ublk_drv/parameters/ublks_max
usual=$(<$limit)
service=''
trap 'echo "$usual" >$limit; [ -z "$service" ] || kill -9 $service 2>/dev/null || true' EXIT
echo $((count + 64)) >$limit

# KiB of a process: of its own, and of all that is mapped, kernel's rings and descriptors among it.
of_process() { awk -v what="$2:" '$1 == what { print $2 }' "/proc/$1/status"; }
# Of our threads, not of the kernel's workers for control commands, which leave after a while.
switches() {
  awk 'FNR == 1 { ours = $2 != "iou-wrk" && $2 !~ /^iou-wrk/ }
       ours && /^Name:|^voluntary/ { printf "%s ", $2 } END { print "" }' /proc/"$1"/task/*/status
}
is_quiet() {
  local before
  before=$(switches "$1")
  pause 2
  [ "$(switches "$1")" = "$before" ]
}
start() {
  for n in $(seq "$1"); do printf '[device.d%d]\ntarget = "null"\nsize = "1G"\n\n' "$n"; done >devices.toml
  "$ASHLAR" serve --one-process --threads 2 devices.toml >said 2>err &
  service=$!
  wait_for $((600 * ${ASHLAR_LAB_PATIENCE:-1})) has_line " d$1 added\$" said
}

start 1
one=$(of_process $service RssAnon)
kill $service
wait $service || fail "status $?: $(<err)"
began=$(date +%s%N)
start "$count"
up=$((($(date +%s%N) - began) / 1000000))
[ "$(wc -l <said)" -eq "$count" ] || fail "$(wc -l <said) devices: $(<err)"
each=$((($(of_process $service RssAnon) - one) / (count - 1)))
mapped=$((($(of_process $service VmRSS) - $(of_process $service RssAnon)) / count))
[ "$each" -le 64 ] || fail "$each KiB for a device"
# Whoever looks for partitions has done so by then.
wait_for 60 is_quiet $service
before=$(switches $service)
pause 10
[ "$(switches $service)" = "$before" ] || fail "woken in 10 s: $before, now $(switches $service)"
# Workers of the kernel's for control commands have left by now.
threads=$(cat /proc/$service/task/*/comm | grep -vc '^iou-wrk' || true)
[ "$threads" -le 4 ] || fail "$(cat /proc/$service/task/*/comm)"
began=$(date +%s%N)
kill $service
wait $service || fail "status $?: $(<err)"
down=$((($(date +%s%N) - began) / 1000000))
service=''
echo "figure: kernel $(uname -r): $count devices: $threads threads, $each KiB of memory each, $mapped KiB each of the kernel's that is mapped," \
  "no wake-ups in 10 s; up in $up ms, down in $down ms"
[ -z "$("$ASHLAR" list)" ] || fail "$("$ASHLAR" list)"
