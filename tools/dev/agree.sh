# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# ./dev agree: the same calls for the twin and for real kernels. Sourced by ./dev.

run_agree() {
    case ${1-} in -h | --help) exec tests/agree/run --help ;; esac
    need build lab lab-tests
    step 'build, release' configure_and_build release || exit
    exec tests/agree/run "$@"
}
