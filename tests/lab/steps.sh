#!/bin/bash
# run --steps tells the eight steps of a device's start in their order, the last with the first
# request; list, show and features print what they should, as text and as JSON; --help of each verb
# is there.
# any kernel
. "${0%/*}/functions.sh"
requires jq

serve "$ASHLAR" run mem 64M --queues 1 --depth 16 --name eight --steps
dd if="$disk" of=/dev/null bs=4K count=1 iflag=direct status=none
wait_for 60 has_line '8/8' server.err
mapfile -t told < <(grep -oE '^ +[1-8]/8 +[^ ]+' server.err | tr -s ' ')
[ "${told[*]}" = " 1/8 ADD_DEV  2/8 SET_PARAMS  3/8 ublkcN  4/8 descriptors  5/8 FETCH  6/8 START_DEV  7/8 ublkbN  8/8 I/O" ] ||
  fail "it tells: ${told[*]}"

# Columns are as wide as what is in them.
[ "$("$ASHLAR" list | tr -s ' ')" = "NODE STATE SIZE TARGET QUEUES PID NAME
$disk live 64M mem 1x16 $server eight" ] || fail "$("$ASHLAR" list)"
"$ASHLAR" list --json | jq -e --argjson pid "$server" '.devices | length == 1 and
  (.[0] | .id == 0 and .node == "/dev/ublkb0" and .state == "live" and .size == 67108864 and
    .name == "eight" and .target == "mem" and .pid == $pid and .queues == 1 and .depth == 16)' \
  >said || fail "$("$ASHLAR" list --json)"
"$ASHLAR" show eight --json | jq -e '.node == "/dev/ublkb0" and .server.queues[0].reads >= 1' \
  >said || fail "$("$ASHLAR" show eight --json)"
for line in "node: +$disk" "state: +live" "size: .*64 MiB|size: .*67108864" "target: +mem" "name: +eight" \
  "lane: +(plain|user) copy" "queue 0: .* [0-9]+ requests" "log: +/run/ashlar/0.log"; do
  "$ASHLAR" show eight | grep -E "^$line" >/dev/null || fail "no '$line' in: $("$ASHLAR" show eight)"
done
end_server INT

# Of each feature the driver says that it is there, or that this kernel is older than it.
"$ASHLAR" features --json >known
jq -e --arg kernel "$(uname -r)" '.kernel == $kernel and (.features | length) >= 21' known >said ||
  fail "$(<known)"
[ "$(jq .unknown_bits known)" -eq 0 ] || echo "features that are newer: $(jq .flags known)"
jq -r '.features[] | "\(.name) \(.here) \(.since)"' known | while read -r name here since; do
  case $here-$(kernel_is_before "$since" && echo before) in
    true- | false-before) ;;
    *) echo "$name is here: $here, since $since, on $(uname -r)" ;;
  esac
done >odd
# Left out at build time, or brought back by a distribution: not more than that.
[ "$(wc -l <odd)" -le 2 ] || fail "$(<odd)"
"$ASHLAR" features | grep -E '^ yes +CMD_IOCTL_ENCODE' >/dev/null || fail "$("$ASHLAR" features)"

for verb in run add list show del features; do
  "$ASHLAR" $verb --help | grep "^ ashlar $verb" >/dev/null || fail "ashlar $verb --help"
done
