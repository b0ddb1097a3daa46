# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# ./dev check, what runs before every commit, and ./dev format. Sourced by ./dev.

# The C++ files in house style. The samples of tests/compiler are as they must be for their compilers.
source_files() {
    find src include examples tests bench -path tests/compiler -prune -o \
        \( -name '*.cpp' -o -name '*.hpp' \) -print0
}

check_format() { source_files | xargs -0 -r clang-format-19 --dry-run -Werror; }
format_sources() { source_files | xargs -0 -r -P "$(nproc)" -n 8 clang-format-19 -i; }

# configure_and_build PRESET [TARGET…]
configure_and_build() {
    cmake --preset "$1" && cmake --build --preset "$1" -j "$(nproc)" ${2+--target "${@:2}"}
}

# run_ctest PRESET [OPTION…]: runs CTest and counts: the cases of a test program that tells them, and
# else the test itself.
run_ctest() {
    local output status
    output=$(ctest --preset "$1" --verbose -j "$(nproc)" "${@:2}")
    status=$?
    printf '%s\n' "$output"
    awk '
        /^[0-9]+: \[doctest\] test cases:/ {
            split($0, words, /[: |]+/)
            for (i in words) {
                if (words[i] == "passed") good[words[1]] = words[i - 1]
                if (words[i] == "failed") bad[words[1]] = words[i - 1]
            }
        }
        /^[0-9]+: [0-9]+ passed, [0-9]+ failed/ {
            split($0, words, /[: ,]+/)
            good[words[1]] = words[2]
            bad[words[1]] = words[4]
        }
        / Test +#[0-9]+: / {
            number = $0
            sub(/.* Test +#/, "", number)
            sub(/:.*/, "", number)
            if (/\*\*\*Skipped/) next
            if (/   Passed /) {
                passed += (number in good) ? good[number] : 1
            } else {
                passed += good[number]
                failed += bad[number] > 0 ? bad[number] : 1
            }
        }
        END { print passed + 0 " passed, " failed + 0 " failed" }
    ' <<<"$output"
    return $status
}

# It looks at sources one by one.
lint_coawait() {
    cmake --preset debug -B build/lint -DCMAKE_UNITY_BUILD=OFF >/dev/null &&
        JOBS=$(nproc) tools/lint-coawait -p build/lint
}
lint_coawait_itself() { tools/lint-coawait --self-test; }

scripts() {
    local file first
    find . -path ./build -prune -o -path ./.git -prune -o -type f -size -200k -print0 |
        while IFS= read -r -d '' file; do
            first=''
            IFS= read -r first 2>/dev/null <"$file"
            if [[ $file == *.sh || $first == '#!'*sh ]]; then printf '%s\0' "$file"; fi
        done
}
# Busybox's shell is taken for dash, which is near enough to leave out the warning.
check_scripts() { scripts | xargs -0 -r shellcheck -e SC2187; }

check_steps() {
    step 'format' check_format
    step 'tidy' tools/tidy-tree
    step 'lint of the coroutine lint' lint_coawait_itself
    step 'build, g++, debug' configure_and_build debug || return
    step 'coroutine lint' lint_coawait
    step 'unit tests, debug' run_ctest debug
}

run_check() {
    need build check
    check_steps
    finish_steps
}
