# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# ./dev demo: builds the program, finds a kernel with ublk and runs tools/dev/demo.sh under it. The
# machine's own kernel is used where it has ublk and a person agrees, else the lab. Sourced by ./dev.

demo_kernel=6.12

machine_has_ublk() {
    [[ -e /dev/ublk-control ]] || PATH=$PATH:/usr/sbin:/sbin modprobe -n -q ublk_drv 2>/dev/null
}

# Sets `place` to machine or lab, and says why.
choose_place() {
    local yes=$1 answer
    place=lab
    if ! machine_has_ublk; then
        echo "This machine's kernel ($(uname -r)) has no ublk driver, so the demo boots one that has:"
    elif [[ $yes == yes ]]; then
        echo "This machine's kernel ($(uname -r)) has ublk: the demo uses it."
        place=machine
    elif [[ -t 0 && -t 1 ]]; then
        echo "This machine's kernel ($(uname -r)) has ublk. On it the demo makes a RAM disk of 256 MiB,"
        echo "as root, mounts it in a directory of its own, and removes it. The other way is the lab, an"
        echo "emulated machine."
        read -r -p "Use this machine's kernel? [y/N] " answer
        [[ $answer != [yY]* ]] || place=machine
    else
        echo "This machine's kernel ($(uname -r)) has ublk, but nobody is here to agree (see --yes):"
    fi
    if [[ $place == lab ]]; then
        echo "Debian's kernel $demo_kernel in an emulator (QEMU). It sees this machine's files, read-only."
    fi
}

run_demo() {
    local yes=no word place program=build/release/src/ashlar elevate=()
    for word; do
        case $word in
            -y | --yes) yes=yes ;;
            *) wrong "demo: $word: unknown option" ;;
        esac
    done
    choose_place "$yes"
    if [[ $place == lab ]]; then need build disks lab; else need build disks; fi
    step 'configure' cmake --preset release || exit
    step 'build the program' cmake --build --preset release -j "$(nproc)" --target ashlar_cli || exit
    if [[ $place == machine ]]; then
        ((EUID == 0)) || elevate=(sudo)
        "${elevate[@]}" tools/dev/demo.sh "$program"
        return
    fi
    step "fetch Debian's kernel $demo_kernel" lab/kernel fetch "$demo_kernel" || exit
    echo "Booting it, some seconds:"
    lab/vm --kernel "$demo_kernel" -- tools/dev/demo.sh "$program"
}
