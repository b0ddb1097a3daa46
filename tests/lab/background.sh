#!/bin/bash
# The background server: errors of its start reach who typed add, and nobody else; once it runs it
# has nothing of the terminal: /dev/null for input and output, no inherited descriptors, / as its
# directory, a session of its own. It outlives the shell that started it.
. "${0%/*}/functions.sh"
requires setsid jq

add mem 16M --name mine
expect_error "^ashlar: ADD_DEV: device $id: File exists .*why: .* do: " 1 \
  "$ASHLAR" add mem 16M --id "$id"
expect_error "^ashlar: name: 'mine': File exists .*why: .* do: " 1 "$ASHLAR" add mem 16M --name mine
# The warning of a start that succeeds, too.
"$ASHLAR" add mem 16M --queues 4000 --depth 4 >out 2>err
grep -q "queues wished" err || fail "it says: $(<err)"
"$ASHLAR" del "$(<out)"
remove

cd /tmp
exec {extra}>"$work/inherited"
mkfifo "$work/pipe"
exec {pipe}<>"$work/pipe"
setsid bash -c '"$ASHLAR" add mem 16M --json' >"$work/out"
cd "$work"
server=$(jq .pid out) id=$(jq .id out)
for fd in "/proc/$server/fd"/*; do
  link=$(readlink "$fd")
  case ${fd##*/} in
    0 | 1 | 2) [ "$link" = /dev/null ] || fail "descriptor ${fd##*/} is $link" ;;
    *)
      case $link in
        anon_inode:* | socket:* | /dev/ublk-control | /dev/ublkc"$id" | /run/ashlar/"$id".log) ;;
        *) fail "it has inherited $link" ;;
      esac
      ;;
  esac
done
exec {extra}>&- {pipe}>&-
[ "$(readlink "/proc/$server/cwd")" = / ] || fail "its directory is $(readlink "/proc/$server/cwd")"
read -ra stat <"/proc/$server/stat"
[ "${stat[5]}" -eq "$server" ] || fail "it belongs to session ${stat[5]}"
[ "${stat[6]}" -eq 0 ] || fail "it has a terminal"
# Standard output of add is closed for good when add has ended: this would hang otherwise.
[ "$("$ASHLAR" add null 1G | cat)" = "/dev/ublkb$((id + 1))" ] || fail "the second device"
"$ASHLAR" del --all

# No scheduler of the kernel's stands before its disk, unless somebody wants one.
add mem 16M
has_line '\[none\]' "/sys/block/ublkb$id/queue/scheduler" ||
  fail "its scheduler: $(<"/sys/block/ublkb$id/queue/scheduler")"
remove
