#!/bin/bash
# The long run. The servers of a supervised RAM disk and of a supervised file are killed again and
# again, at random moments, and that of a second RAM disk is replaced by "ashlar upgrade", while fio
# writes and verifies in a file system on each: no error, no other contents, and the file systems are
# clean. ASHLAR_LAB_KILLS says how often each server is killed (200), ASHLAR_LAB_UPGRADES how often
# one is replaced (100), or as often as it goes in ASHLAR_LAB_SECONDS. It prints the times from a kill
# until a read that came behind it was answered, and how long upgrades paused.
# by hand
# limit: 7200
. "${0%/*}/functions.sh"
requires fio mkfs.ext4 e2fsck

kills=${ASHLAR_LAB_KILLS:-200}
upgrades=${ASHLAR_LAB_UPGRADES:-100}
until=$((SECONDS + ${ASHLAR_LAB_SECONDS:-7000}))
targets=(mem file upgraded)
declare -A ids disks writers doers

# storm_on TARGET: until the file "enough" is there.
storm_on() {
  disk=$PWD/mnt-$1/data
  cd "fio-$1"
  work=$PWD
  storm_until ../enough 16m
}
# kill_often TARGET: mostly a while after the server's start, but at times at once.
kill_often() {
  local round before at
  id=${ids[$1]}
  for ((round = 1; round <= kills && SECONDS < until; ++round)); do
    if ((round % 4)); then pause 5.$((RANDOM % 1000)); else pause $((RANDOM % 3)).$((RANDOM % 1000)); fi
    before=$(show_number pid)
    at=${EPOCHREALTIME/./}
    kill -KILL "$before"
    timeout 120 dd if="${disks[$1]}" of=/dev/null bs=4k count=1 iflag=direct status=none ||
      fail "$1: round $round: a read that came after the kill has failed, or waits"
    echo $(((${EPOCHREALTIME/./} - at) / 1000)) >>"times-$1"
    wait_for 60 has_ended "$before"
    kill -0 "${writers[$1]}" 2>/dev/null || fail "$1: round $round: $(<"fio-$1/err")"
  done
}

# upgrade_often TARGET
upgrade_often() {
  local round before
  id=${ids[$1]}
  for ((round = 1; round <= upgrades && SECONDS < until; ++round)); do
    pause $((RANDOM % 3)).$((RANDOM % 1000))
    before=$(show_number pid)
    "$ASHLAR" upgrade "$id" >"said-$1" 2>&1 || fail "round $round: $(<"said-$1")"
    [ "$(show_number pid)" -ne "$before" ] || fail "round $round: the old server serves it"
    sed 's/.* for \(.*\) ms/\1/' "said-$1" >>"times-$1"
    kill -0 "${writers[$1]}" 2>/dev/null || fail "round $round: $(<"fio-$1/err")"
  done
}

truncate -s 96M image
for target in "${targets[@]}"; do
  if [ "$target" = file ]; then add file image --supervise; else add mem 96M --supervise; fi
  ids[$target]=$id disks[$target]=$disk
  mkfs.ext4 -q "$disk"
  mkdir "mnt-$target" "fio-$target"
  mount -t ext4 "$disk" "mnt-$target"
  storm_on "$target" 2>"fio-$target/err" &
  writers[$target]=$!
done
for target in "${targets[@]}"; do
  if [ "$target" = upgraded ]; then upgrade_often "$target" & else kill_often "$target" & fi
  doers[$target]=$!
done
failed=''
for target in "${targets[@]}"; do wait "${doers[$target]}" || failed=1; done
touch enough
for target in "${targets[@]}"; do
  wait "${writers[$target]}" || fail "$target: the writer has failed: $(<"fio-$target/err")"
done
[ -z "$failed" ] || fail "see above"
for target in "${targets[@]}"; do
  umount "mnt-$target"
  e2fsck -fn "${disks[$target]}" >fsck 2>&1 || fail "$target: $(<fsck)"
  rounds=$(wc -l <"times-$target")
  what="$rounds kills; from one until a read behind it was answered, in ms"
  [ "$target" != upgraded ] || what="pauses, in ms, of $rounds upgrades"
  echo "figure: kernel $(uname -r): $target: $what, p50 and worst: $(p50_and_worst <"times-$target")"
  remove "${ids[$target]}"
done
