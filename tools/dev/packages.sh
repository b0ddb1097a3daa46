# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What ./dev needs on a machine, and how it gets there: Debian's packages, by apt. `need GROUP…` says
# what it installs and why before it does, and says nothing when all is there. Sourced by ./dev.

declare -A packages=(
    [build]='g++ cmake ninja-build pkg-config liburing-dev libfmt-dev nlohmann-json3-dev libtomlplusplus-dev libseccomp-dev
        doctest-dev'
    [check]='clang-format-19 clang-tools-19 python3 ccache'
    [test]='clang-19 libclang-rt-19-dev llvm-19 shellcheck mandoc zsh fish'
    [disks]='e2fsprogs util-linux mount'
    [lab]='qemu-system-x86 busybox-static cpio kmod xz-utils debian-archive-keyring'
    [bench]='nbdkit nbd-client gnuplot-nox'
    [lab-tests]='udev systemd fio xfsprogs btrfs-progs jq fdisk strace psmisc procps'
)
declare -A purposes=(
    [build]='to build ashlar'
    [check]='to check the source'
    [test]='to test with a second compiler, its sanitizers, and the shells that complete'
    [disks]='to make a file system and mount it'
    [lab]='to run a kernel with ublk in an emulator'
    [bench]='to measure beside nbd, and to plot'
    [lab-tests]='to test devices in that kernel'
)

missing_of() {
    local package
    for package in ${packages[$1]}; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            printf '%s ' "$package"
    done
}

# apt-get as root: `elevate` is empty or sudo.
apt() { "${elevate[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@"; }

update_apt() { step 'apt-get update' apt update; }
install_packages() {
    step "apt-get install" apt install --no-install-recommends -o Dpkg::Options::=--force-confold "$@"
}

need() {
    local group missing wanted=() elevate=() package
    # shellcheck disable=SC2034 # for step: installing is no test, and is not counted
    local passed=0 failed=0
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        need_without_apt "$@"
        return
    fi
    for group; do
        missing=$(missing_of "$group")
        [[ -n $missing ]] || continue
        ((${#wanted[@]} > 0)) || echo "These Debian packages are missing and will be installed by apt:"
        echo "  ${purposes[$group]}: $missing"
        # shellcheck disable=SC2206 # a list of words
        wanted+=($missing)
    done
    ((${#wanted[@]} > 0)) || return 0
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            give_up "installing needs root or sudo" "apt-get install ${wanted[*]}"
        # A password, if one is needed, is asked for here and not behind a progress line.
        sudo -n true 2>/dev/null || sudo -v ||
            give_up "sudo does not let you install" "apt-get install ${wanted[*]}"
        elevate=(sudo)
    fi
    # Old lists are good enough unless they lack a package, or name a version that is gone.
    for package in "${wanted[@]}"; do
        apt-cache show "$package" >/dev/null 2>&1 && continue
        update_apt && install_packages "${wanted[@]}" || exit 1
        return 0
    done
    install_packages "${wanted[@]}" && return
    echo "Once more, with new lists:"
    update_apt && install_packages "${wanted[@]}" || exit 1
}

# Other distributions name their packages otherwise: tell what is needed and let the steps go on.
need_without_apt() {
    local group
    [[ -z ${ASHLAR_DEV_NO_APT-} ]] || return 0
    export ASHLAR_DEV_NO_APT=told
    echo "This machine has no apt. ashlar needs what Debian has in these packages:"
    for group; do echo "  ${purposes[$group]}: ${packages[$group]}"; done
}

give_up() {
    printf 'dev: %s\n' "$1" >&2
    shift
    (($# == 0)) || printf 'hint: %s\n' "$@" >&2
    exit 1
}
