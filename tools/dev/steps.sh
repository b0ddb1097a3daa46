# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Steps of ./dev: each is a command with a name. Its output goes to a log and is shown only when it
# fails. On a terminal a line tells what runs now; after each step one line tells its outcome and time.
# Sourced by ./dev, which sets `verb`.

logs=$PWD/build/logs/${verb:-steps}
steps=0
passed=0
failed=0
ticker_pid=''
beside_names=() beside_pids=() beside_logs=() beside_began=()
trap end_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

on_terminal() { [[ -t 1 && ${TERM:-dumb} != dumb ]]; }

# The time between two values of EPOCHREALTIME, for people.
time_between() {
    local ms=$(((${2/[.,]/} - ${1/[.,]/}) / 1000))
    if ((ms < 60000)); then
        printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
    else
        printf '%d min %02d s' $((ms / 60000)) $((ms / 1000 % 60))
    fi
}

# Redraws one line of the terminal until it is killed: what runs, since when, and the end of its log.
ticker() {
    local name=$1 log=$2 began=$3 text width
    width=$(tput cols 2>/dev/null) || width=80
    while sleep 0.5; do
        text="   $(printf '%12s' "$(time_between "$began" "$EPOCHREALTIME")")  $name"
        text+="  $(tail -n 1 "$log" 2>/dev/null | tr -cd '[:print:]')"
        printf '\r\e[K%s' "${text:0:width-1}"
    done
}

start_ticker() {
    on_terminal || return 0
    ticker "$@" &
    ticker_pid=$!
}

stop_ticker() {
    [[ -n $ticker_pid ]] || return 0
    kill "$ticker_pid" 2>/dev/null && wait "$ticker_pid" 2>/dev/null
    ticker_pid=''
    printf '\r\e[K'
}

end_all() {
    stop_ticker
    ((${#beside_pids[@]} == 0)) || kill "${beside_pids[@]}" 2>/dev/null
}

# Sets `log` for a step of this name.
new_log() {
    ((steps > 0)) || rm -rf "$logs"
    mkdir -p "$logs"
    steps=$((steps + 1))
    log=$logs/$(printf '%02d' $steps)-$(tr -cs 'A-Za-z0-9.\n' '-' <<<"$1").log
    : >"$log"
}

# The counts that a test program prints last, "N passed, M failed", maybe with ", K skipped". Else
# nothing.
counts_in() {
    sed -n -E 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 \4/p' "$1" | tail -n 1
}

# What a test program says of the tests that have failed: the line of each, and what is indented below
# it.
failures_in() { awk '/^(FAIL|not ok|no test was running) /{p = 1; print; next} /^[^ \t]/{p = 0} p' "$1"; }

# What failed, or the end of the log where no test program says it; without the lines in which ninja
# says what it builds.
tell_failure() {
    local text
    text=$(failures_in "$1" | head -n 200)
    [[ -n $text ]] || text=$(grep -v -E '^\[[0-9]+/[0-9]+\] ' "$1" | tail -n 60)
    printf '%s\n' "$text" | sed 's/^/    /'
}

# tell NAME TIME STATUS LOG: counts a step that has ended, and tells how.
tell() {
    local name=$1 time=$2 status=$3 log=$4 word good bad skipped remark=''
    read -r good bad skipped <<<"$(counts_in "$log")"
    [[ -z $good ]] || remark=" ($good passed${skipped:+, $skipped skipped})"
    case $status in
        0) word=ok good=${good:-1} bad=${bad:-0} ;;
        77) word=- good=0 bad=0 remark=": left out: $(tail -n 1 "$log")" ;;
        *)
            word=FAILED good=${good:-0} bad=${bad:-1}
            ((bad > 0)) || bad=1
            remark=''
            ;;
    esac
    passed=$((passed + good))
    failed=$((failed + bad))
    printf '%-6s %12s  %s%s\n' $word "$time" "$name" "$remark"
    if [[ $word == FAILED ]]; then
        tell_failure "$log"
        printf '    exit status %d; the whole output: %s\n' "$status" "$log"
    fi
}

# step NAME COMMAND…: runs the command and counts it, or the tests that it says it ran. Its exit
# status is the command's. Status 77 means that there was nothing to test with, as in CTest.
step() {
    local name=$1 began=$EPOCHREALTIME log status
    shift
    new_log "$name"
    start_ticker "$name" "$log" "$began"
    "$@" >>"$log" 2>&1 </dev/null
    status=$?
    stop_ticker
    tell "$name" "$(time_between "$began" "$EPOCHREALTIME")" $status "$log"
    return $status
}

# beside NAME COMMAND…: a program that runs beside others until join_beside, which tells of all of them
# in the order of their start.
beside() {
    local log
    new_log "$1"
    beside_names+=("$1")
    beside_logs+=("$log")
    beside_began+=("$EPOCHREALTIME")
    shift
    "$@" >>"$log" 2>&1 </dev/null &
    beside_pids+=($!)
}

join_beside() {
    local i status ended
    ((${#beside_pids[@]} > 0)) || return 0
    start_ticker "${beside_names[*]}" "${beside_logs[0]}" "${beside_began[0]}"
    for i in "${!beside_pids[@]}"; do
        wait "${beside_pids[i]}"
        status=$?
        stop_ticker
        # What it wrote last it wrote when it ended.
        ended=$(stat -c %.6Y "${beside_logs[i]}")
        tell "${beside_names[i]}" "$(time_between "${beside_began[i]}" "$ended")" $status \
            "${beside_logs[i]}"
    done
    beside_names=() beside_pids=() beside_logs=() beside_began=()
}

# The end of a run of steps: the last line that is printed, and the exit status.
finish_steps() {
    echo "$passed passed, $failed failed"
    ((failed == 0))
}
