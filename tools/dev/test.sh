# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# ./dev test: the checks, the other compiler, the sanitizers, ashlar as others install and use it, and
# the lab on the oldest and the newest kernel. Sourced by ./dev.

lab_kernels=(6.12 newest)
lab_programs=(ashlar_cli recording_disk faulty_disk enduring_disk stuck_calls riddle_calls null_disk ram_disk file_disk)

test_steps() {
    check_steps
    step 'shell scripts' check_scripts
    step 'samples of coroutine forms' env JOBS="$(nproc)" tests/compiler/run
    step 'ashlar installed' tests/install/run build/debug
    # Both by clang++: the sanitizers are the test of the second compiler, too.
    step 'build, clang++, address sanitizer' \
        configure_and_build asan unit_tests twin_tests ashlar_cli ashlar_sim &&
        beside 'unit tests, address sanitizer' when_idle run_ctest asan \
            -E '^(agree|threads|lane-.*(tag|plain|threads))'
    beside 'unit tests, thread sanitizer' when_idle threads_sanitized
}

# What takes no time from the lab, whose guests wait now and then, and whose tests have time limits.
when_idle() {
    renice -n 10 -p "$BASHPID" >/dev/null
    "$@"
}

# What has threads of its own is in one program.
threads_sanitized() {
    configure_and_build tsan twin_tests && run_ctest tsan -R '^threads-'
}

# With the build that is there already: another one would take minutes that the lab needs.
lab_steps() {
    local kernel half=0 agree=build/debug/tests/agree/ashlar_agree
    [[ -x $agree ]] ||
        step 'build, g++, debug' configure_and_build debug "${lab_programs[@]}" ashlar_agree || return
    for kernel in "${lab_kernels[@]}"; do
        step "fetch kernel $kernel" lab/kernel fetch "$kernel" || return
    done
    step 'the lab itself' lab/selftest
    # The kernels side by side: a guest waits much of the time. It is less than tests/lab/run alone
    # does: what any kernel will do for is shared out, and repetitions are few.
    for kernel in "${lab_kernels[@]}"; do
        half=$((half + 1))
        beside "lab, kernel $kernel" env ASHLAR="$PWD/build/debug/src/ashlar" \
            ASHLAR_LAB_CYCLES=20 ASHLAR_LAB_DEVICES=12 ASHLAR_LAB_KILLS=2 ASHLAR_LAB_UPGRADES=2 \
            tests/lab/run --kernel "$kernel" --half $half
    done
    join_beside
    for kernel in "${lab_kernels[@]}"; do
        beside "agreement, kernel $kernel" env ASHLAR_AGREE="$PWD/$agree" \
            ASHLAR_AGREE_OUT="$PWD/build/agree/$kernel" tests/agree/run --brief --kernel "$kernel"
    done
    join_beside
}

# It builds a third set of sanitizers, for which a test run has no time.
run_fuzz() {
    local seconds=${1:-3600} here=build/fuzz/tests/fuzz
    if (($# > 1)) || [[ ! $seconds =~ ^[1-9][0-9]*$ ]]; then wrong "fuzz: $*: takes a number of seconds"; fi
    need build test
    step 'build, clang++, fuzzer' configure_and_build fuzz explain_fuzz || exit
    exec "$here/explain_fuzz" "-max_total_time=$seconds" -timeout=10 -max_len=4096 -print_final_stats=1 \
        -dict=tests/fuzz/explain.dict "$here/corpus" tests/fuzz/seeds tests/riddles
}

run_test() {
    local with_lab=yes with_others=yes word
    for word; do
        case $word in
            --no-lab) with_lab=no ;;
            --lab-only) with_others=no ;;
            *) wrong "test: $word: unknown option" ;;
        esac
    done
    [[ $with_lab == yes || $with_others == yes ]] || wrong "test: --no-lab and --lab-only leave nothing"
    local groups=(build)
    [[ $with_others == no ]] || groups+=(check test)
    [[ $with_lab == no ]] || groups+=(disks lab lab-tests)
    need "${groups[@]}"
    [[ $with_others == no ]] || test_steps
    [[ $with_lab == no ]] || lab_steps
    join_beside
    finish_steps
}
