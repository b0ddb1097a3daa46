# shellcheck shell=bash
# lab/qemu.sh: an emulated machine, for lab/vm: its initramfs, its options, its start and its end,
# and talk with its monitor. Sourced by lab/vm, whose variables it uses: lab, work, work_lock,
# kernel_dir, version, busybox, and those of the options.
#
# One machine runs at a time: `qemu_pid`, and the descriptors status, command, monitor_in and
# monitor_out.
# shellcheck disable=SC2154

# The initramfs: busybox, lab/init and the modules that reach the host's root.
make_initramfs() {
  local tree=$work/initramfs m f
  mkdir -p "$tree"/{bin,sbin,dev,proc,sys,new,lower,upper,modules}
  cp "$busybox" "$tree/bin/busybox"
  cp "$lab/init" "$tree/init"
  chmod 755 "$tree/init"
  for m in virtio_pci virtio_console 9pnet_virtio 9p overlay; do
    modprobe -d "$kernel_dir/modroot" -S "$version" --show-depends "$m" || return 1
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r f; do
    m=$(basename "${f%.xz}")
    case $f in
      *.xz) xz -dc "$f" >"$tree/modules/$m" ;;
      *) cp "$f" "$tree/modules/$m" ;;
    esac
    echo "$m"
  done >"$tree/modules/order" || return 1
  (cd "$tree" && find . | sort | cpio -o -H newc --reproducible --quiet) >"$1" || return 1
  rm -rf "$tree"
}

# The guest, as QEMU's options: `arguments`. $1: accelerator. $2: its memory. Paths are relative to
# a directory of this run, with links to other places, as the options cannot take every path.
qemu_arguments() {
  local accel=$1 ram=$2 line
  line="console=ttyS0 quiet loglevel=5 panic=-1 oops=panic hung_task_panic=1 sysrq_always_enabled=1"
  line+=" sysctl.kernel.hung_task_timeout_secs=$((deterministic ? 0 : 240))"
  line+=" nowatchdog rcupdate.rcu_cpu_stall_suppress=1 mitigations=off"
  line+=" audit=0 apparmor=0 selinux=0 cryptomgr.notests"
  case $accel in
    kvm) arguments=(-accel kvm -cpu host) ;;
    tcg-*)
      # No fast string operations: emulation would count a whole copy for each of its bytes.
      arguments=(-accel "tcg,thread=${accel#tcg-},tb-size=512" -cpu "max,-erms")
      line+=" tsc=reliable"
      ;;
  esac
  if [ -n "$deterministic" ]; then
    arguments+=(-icount "shift=0,sleep=off" -rtc "base=2026-01-01,clock=vm" -seed 1)
    line+=" nokaslr norandmaps random.trust_cpu=off"
  else
    # Tells a restored guest to seed its random numbers anew.
    arguments+=(-device "vmgenid,guid=auto")
  fi
  arguments+=(-nodefaults -no-user-config -display none -no-reboot
    -machine "q35,smm=off,memory-backend=ram" -smp "$cpus" -m "$memory" -object "$ram,id=ram,size=${memory}M"
    -kernel kernel/vmlinuz -append "$line${append:+ $append}"
    -chardev "pipe,id=monitor,path=monitor" -mon "chardev=monitor,mode=control"
    -chardev "file,id=console,path=console" -serial chardev:console
    -device "virtio-serial-pci,max_ports=6"
    -chardev "file,id=out,path=out" -device "virtserialport,chardev=out,name=out"
    -chardev "file,id=err,path=err" -device "virtserialport,chardev=err,name=err"
    -chardev "file,id=status,path=status" -device "virtserialport,chardev=status,name=status"
    -chardev "pipe,id=command,path=command" -device "virtserialport,chardev=command,name=command"
    -fsdev "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap"
    -device "virtio-9p-pci,fsdev=root,mount_tag=root"
    -fsdev "local,id=shared,path=shared,security_model=none,multidevs=remap"
    -device "virtio-9p-pci,fsdev=shared,mount_tag=out")
  [ -z "$disk" ] || arguments+=(-device "virtio-blk-pci,drive=disk"
    -blockdev "node-name=disk,${disk_log:+driver=blklogwrites,log.driver=file,log.filename=disk-log,file.}driver=file,${disk_log:+file.}filename=disk")
}

# Starts QEMU in directory $1, which gets its files: console, out, err, and the pipes status, command
# and monitor. $2: accelerator. $3: memory. More: passed on.
start_qemu() {
  local dir=$1 arguments
  qemu_arguments "$2" "$3"
  arguments+=("${@:4}")
  mkfifo "$dir"/{status,{command,monitor}.{in,out}} || return 1
  mkdir -p "$dir/not-shared"
  ln -sfn "${out:-not-shared}" "$dir/shared"
  ln -sfn "$(realpath "$kernel_dir")" "$dir/kernel"
  [ -z "$disk" ] || ln -sfn "$disk" "$dir/disk"
  [ -z "$disk_log" ] || ln -sfn "$disk_log" "$dir/disk-log"
  : >"$dir/out"
  : >"$dir/err"
  exec {status}<>"$dir/status" {command}<>"$dir/command.in" {monitor_in}<>"$dir/monitor.in" {monitor_out}<>"$dir/monitor.out"
  [ -z "$verbose" ] || note "qemu-system-x86_64 ${arguments[*]@Q}"
  (cd "$dir" && exec setpriv --pdeathsig KILL qemu-system-x86_64 "${arguments[@]}") \
    >"$dir/qemu" 2>&1 </dev/null {work_lock}>&- &
  qemu_pid=$!
}

stop_qemu() {
  kill -KILL "$qemu_pid" 2>/dev/null
  wait "$qemu_pid" 2>/dev/null
  qemu_pid=
  exec {status}>&- {command}>&- {monitor_in}>&- {monitor_out}>&-
}

# Reads a line from descriptor $1 into `word`, until $SECONDS is $2; fails then, or when QEMU ended.
next() {
  local part ended=''
  word=
  while [ "$SECONDS" -lt "$2" ]; do
    if IFS= read -r -t 0.2 -u "$1" part; then
      word+=$part
      return 0
    fi
    word+=$part # time may run out within a line
    [ -z "$ended" ] || return 1
    kill -0 "$qemu_pid" 2>/dev/null || ended=1 # what it said last is still to be read
  done
  return 1
}

# Waits for the guest to say $1, until $SECONDS is $2.
heard() {
  while next "$status" "$2"; do
    [ "${word%% *}" != "$1" ] || return 0
  done
  return 1
}

# Gives the monitor a command, and waits for its answer: `reply`.
monitor() {
  echo "$1" >&"$monitor_in"
  while next "$monitor_out" $((SECONDS + 60)); do
    case $word in
      *'"return"'*) reply=$word; return 0 ;;
      *'"error"'*) verbose "monitor: $1: $word"; return 1 ;;
    esac
  done
  return 1
}

# Saves (migrate) or restores (migrate-incoming) the devices' state through a shell command. The
# memory does not go that way: it is in a file already.
migrate() {
  local until=$((SECONDS + 120))
  monitor '{"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"x-ignore-shared","state":true}]}}' &&
    monitor '{"execute":"'"$1"'","arguments":{"uri":"exec:'"$2"'"}}' || return 1
  while monitor '{"execute":"query-migrate"}'; do
    case $reply in
      *'"status": "completed"'*) return 0 ;;
      *'"status": "failed"'*) verbose "$reply"; return 1 ;;
    esac
    [ "$SECONDS" -lt $until ] || return 1
    sleep 0.02
  done
  return 1
}

# What every guest starts with: the monitor listens once it has heard this.
start_monitor() { next "$monitor_out" $((SECONDS + 60)) && monitor '{"execute":"qmp_capabilities"}'; }

quit_qemu() {
  monitor '{"execute":"quit"}' && tail --pid="$qemu_pid" -s 0.05 -f /dev/null
  stop_qemu
}

# Asks a guest that hangs, by the SysRq keys given: w, what is blocked, l, where its processors are.
# The kernel can say that even when no process runs any more.
ask_why() {
  local key
  kill -0 "$qemu_pid" 2>/dev/null || return
  for key in 8 "$@"; do
    monitor '{"execute":"send-key","arguments":{"keys":[{"type":"qcode","data":"alt"},{"type":"qcode","data":"sysrq"},{"type":"qcode","data":"'"$key"'"}]}}'
    sleep 1
  done
}

# The last lines of the console of the guest in directory $1, and what QEMU itself said.
console() {
  note "the console's last lines:"
  tr -d '\r\000' <"$1/console" | grep -av '^ *$' | tail -n 80 | cut -c 1-300 | sed 's/^/  /' >&2
  tail -n 10 "$1/qemu" >&2
}
