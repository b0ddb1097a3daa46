# shellcheck shell=bash
# tests/lab/functions.sh: what every test in this directory starts with.
#
# A test runs as root in a guest, in a directory of its own ($work). It shows one behaviour and ends
# with status 0; with another status, at the first command that fails, it has failed; 77 skips it.
# It removes what it has made: tests/lab/guest fails it for what it leaves. Time limit: 120 seconds
# unless the comment on top has a line "# limit: SECONDS".
set -eEuo pipefail
export LC_ALL=C

: "${ASHLAR:?the program to test; use tests/lab/run}" "${ASHLAR_TESTS_BIN:?}"
: "${ASHLAR_EXAMPLES_BIN:?}" "${work:?a directory of its own}"
# What add and serve set: the disk's node, its number, its server's process.
disk='' id='' server=''

# Where messages go, also from within a redirection.
exec {messages}>&2

# shellcheck disable=SC2154 # line and command are set by the trap itself
trap 'status=$? line=$LINENO command=$BASH_COMMAND
  [ $BASH_SUBSHELL -ne 0 ] || echo "FAILED: ${BASH_SOURCE[0]##*/}:$line: status $status: $command" >&"$messages"' ERR

fail() {
  echo "FAILED: $*" >&"$messages"
  exit 1
}

skip() {
  echo "$*" >&2
  exit 77
}

requires() {
  local tool
  for tool; do
    command -v "$tool" >/dev/null || skip "there is no $tool"
  done
}

# Pauses without a process.
exec {never_ready}<> <(:)
pause() { read -r -t "$1" -u "$never_ready" _ || true; }

# wait_for SECONDS COMMAND...: until the command succeeds. Limits are generous: they end a test that
# hangs, and measure nothing.
wait_for() {
  local until=$((SECONDS + $1))
  shift
  until "$@" 2>>"$work/waited"; do
    [ "$SECONDS" -lt "$until" ] ||
      fail "waited in vain for: $*; it said: $(sort -u "$work/waited" | head -n 20)"
    pause 0.05
  done
}

is_gone() { [ ! -e "$1" ]; }
has_ended() { ! kill -0 "$1" 2>/dev/null; }
has_line() { grep -qEe "$1" "$2"; }

# kernel_is_before MAJOR.MINOR
kernel_is_before() {
  local major minor
  IFS=. read -r major minor _ < <(uname -r)
  [ $((major * 1000 + minor)) -lt $((${1%.*} * 1000 + ${1#*.})) ]
}

# add ARGUMENT...: ashlar add; sets disk, id and server.
add() {
  local answer
  answer=$("$ASHLAR" add "$@" --json)
  [[ $answer =~ \"id\":\ ([0-9]+) ]] || fail "ashlar add printed: $answer"
  id=${BASH_REMATCH[1]}
  [[ $answer =~ \"pid\":\ ([0-9]+) ]] || fail "ashlar add printed: $answer"
  server=${BASH_REMATCH[1]}
  disk=/dev/ublkb$id
  [ -b "$disk" ] || fail "there is no $disk"
}

# remove [ID]: ashlar del; the node, the id and the server are gone when it returns.
remove() {
  local who=${1-$id}
  "$ASHLAR" del "$who"
  [ ! -e "/dev/ublkb$who" ] || fail "/dev/ublkb$who is still there"
  [ ! -e "/sys/class/ublk-char/ublkc$who" ] || fail "device $who is still there"
}

# serve COMMAND...: a server that stays in the foreground; sets disk, id and server. What it writes
# is in the files $work/server.out and $work/server.err.
serve() {
  : >"$work/server.out"
  "$@" >"$work/server.out" 2>"$work/server.err" &
  server=$!
  wait_for 100 server_is_up
  read -r disk <"$work/server.out"
  id=${disk#/dev/ublkb}
}

server_is_up() {
  local line
  read -r line <"$work/server.out" && [ -b "$line" ] && return
  kill -0 "$server" 2>/dev/null && return 1
  fail "the server ended: $(<"$work/server.err")"
}

# end_server [SIGNAL]: ends what serve started, which must go well.
end_server() {
  local status=0
  kill "-${1-TERM}" "$server"
  wait "$server" || status=$?
  [ $status -eq 0 ] || fail "the server ended with status $status: $(<"$work/server.err")"
  [ ! -e "$disk" ] || fail "$disk is still there"
}

# expect_error REGEX STATUS COMMAND...: the command must fail with this status, print what matches on
# standard error (its lines are joined by blanks) and nothing on standard output.
expect_error() {
  local regex=$1 status=$2 got=0 text
  shift 2
  "$@" >"$work/stdout" 2>"$work/stderr" || got=$?
  text=$(<"$work/stderr")
  text=${text//$'\n'/ }
  [ $got -eq "$status" ] || fail "status $got instead of $status: $*: $text"
  [[ $text =~ $regex ]] || fail "no '$regex' in what it said: $*: $text"
  [ ! -s "$work/stdout" ] || fail "it printed: $*: $(<"$work/stdout")"
}

# expect_refusal REGEX STATUS COMMAND...: expect_error of a program that makes a device: at most
# three lines, the last of which says what to do, and nothing has been made.
expect_refusal() {
  local lines devices
  expect_error "^ashlar: .*$1" "${@:2}"
  mapfile -t lines <"$work/stderr"
  [ ${#lines[@]} -le 3 ] || fail "more than three lines: ${lines[*]}"
  [[ ${lines[-1]} = '  do:  '* ]] || fail "it does not say what to do: ${lines[*]}"
  devices=$(echo /sys/class/ublk-char/ublkc* /dev/ublk[bc]*)
  [[ $devices = '/sys/class/ublk-char/ublkc* '* ]] || fail "it left $devices: ${*:3}"
}

# expect_no_start REGEX WORD...: neither add nor run makes a device when they are called by these
# words (env, setpriv, …), and both say why, with status 1.
expect_no_start() {
  local regex=$1 verb
  shift
  for verb in add run; do
    expect_refusal "$regex" 1 "$@" "$ASHLAR" $verb mem 64M
    ! pgrep -x ashlar || fail "it left a process: $*"
  done
}

# Of a dd that must fail: dd prints its statistics, too.
expect_dd_error() {
  local regex=$1
  shift
  expect_error "$regex" 1 dd "$@"
}

# counter NAME [QUEUE]: of the device's server.
counter() {
  local json queue=${2-0}
  json=$("$ASHLAR" show "$id" --json)
  json=${json#*\"server\": *\"queues\":}
  for (( ; queue > 0; --queue)); do json=${json#*\}}; done
  [[ $json =~ \"$1\":\ ([0-9]+) ]] || fail "there is no counter $1: $json"
  echo "${BASH_REMATCH[1]}"
}

# show_number NAME: the first number of that name in what ashlar show says of the device.
show_number() {
  local json
  json=$("$ASHLAR" show "$id" --json)
  [[ $json =~ \"$1\":\ ([0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}

# Writes that the disk has answered, by the kernel's count.
written() {
  local fields
  read -ra fields <"/sys/block/ublkb$id/stat"
  echo "${fields[4]}"
}

# Of numbers on standard input, a line each: the middle one and the largest.
p50_and_worst() { sort -n | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)], t[NR] }'; }

# list_state [ID]: what ashlar list says of a device, of all without an id, a word each.
list_state() {
  local line fields
  while read -ra fields; do
    case ${fields[0]}:${1-} in
      NODE:*) ;;
      *: | "/dev/ublkb${1-}:"*) echo "${fields[1]}" ;;
    esac
  done < <("$ASHLAR" list)
}

# The server's resident memory in KiB.
resident() { awk '$1 == "Rss:" { print $2 }' "/proc/$server/smaps_rollup"; }

# random_file PATH BYTES
random_file() { head -c "$2" /dev/urandom >"$1"; }

# verify_fio [OPTION...]: writes and reads back by a job file on standard input, checking every
# block; options go before the jobs. The file starts with what the jobs have in common.
# shellcheck disable=SC2120 # the options come from tests
verify_fio() {
  {
    echo "[global]
filename=$disk
direct=1
ioengine=io_uring
verify=crc32c
do_verify=1
verify_fatal=1
verify_dump=0"
    cat
  } >"$work/job.fio"
  fio_job "$@" "$work/job.fio"
}

fio_job() {
  fio --minimal "$@" >"$work/fio.out" 2>&1 || { cat "$work/fio.out" >&2; return 1; }
}

# storm SIZE: 4 KiB writes by verify_fio, 32 at a time.
storm() {
  verify_fio <<JOBS
[storm]
rw=randwrite
bs=4k
iodepth=32
size=$1
JOBS
}
# storm_until FILE SIZE: one after the other, until the file is there.
storm_until() {
  until [ -e "$1" ]; do storm "$2" || return; done
}

# host_on FILE_SYSTEM MIB [TMPFS_MIB]: such a file system, of that size, in the directory host.
host_on() {
  mkdir host
  if [ "$1" = tmpfs ]; then
    mount -t tmpfs -o "size=${3-$2}M" tmpfs host
  else
    truncate -s "$2M" backing
    "mkfs.$1" -q backing
    mount -o loop backing host
  fi
}
remove_host() {
  umount host
  rmdir host
  rm -f backing
}

# fill DIRECTORY MIB: many small files and some big ones, MIB mebibytes in all.
fill() {
  local i d=$1 seed=$work/seed
  [ -e "$seed" ] || random_file "$seed" $((1 << 20))
  mkdir -p "$d"/{few,many,deep/deeper/deepest}
  for i in {1..400}; do
    printf '%*d\n' "$i" "$i" >"$d/many/file$i"
  done
  for ((i = 1; i <= $2 / 4; ++i)); do
    { echo "$i"; cat "$seed" "$seed" "$seed" "$seed"; } >"$d/few/file$i"
  done
  ln "$d/many/file1" "$d/deep/deeper/hard"
  ln -s ../../many/file2 "$d/deep/deeper/soft"
  truncate -s 3M "$d/deep/deeper/deepest/sparse"
  rm "$d"/many/file*7
  mv "$d/many/file22" "$d/deep/renamed"
}

# sums DIRECTORY: checksums of all files in it.
sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 md5sum); }

# For wait_for.
has_state() { [ "$(list_state "$1")" = "$2" ]; }
has_written() { [ "$(written)" -ge "$1" ]; }
has_served() { [ "$(counter requests)" -ge "$1" ]; }
has_discarded() { [ "$(counter discards)" -ge 1 ]; }
