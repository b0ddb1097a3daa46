#!/bin/bash
# A target that fails: whatever it does, throw, answer an error, answer nonsense, now or later, is
# an error of that one request, with its errno, and a line in the log that names device, queue, tag,
# operation and range. Its neighbours succeed, and the device goes on.
# any kernel
. "${0%/*}/functions.sh"
requires jq

faults=("" eio enospc negative huge foreign throw throw-int throw-enospc throw-late late)
random_file data 65536
for form in "" --plain; do
  words=()
  for n in "${!faults[@]}"; do
    [ -z "${faults[n]}" ] || words+=("${faults[n]}@${n}M+64K")
  done
  # shellcheck disable=SC2086 # none or one
  serve "$ASHLAR_TESTS_BIN/faulty_disk" 16M "${words[@]}" $form
  failures=0
  for n in "${!faults[@]}"; do
    fault=${faults[n]}
    [ -n "$fault" ] || continue
    [ -z "$form" ] || [[ $fault != *late ]] || continue
    case $fault in
      *enospc) text="No space left on device" name=ENOSPC ;;
      *) text="Input/output error" name=EIO ;;
    esac
    for op in write read; do
      if [ $op = write ]; then
        way=(if=data of="$disk" seek=$((n << 20)) "oflag=direct,seek_bytes")
      else
        way=(if="$disk" of=got skip=$((n << 20)) "iflag=direct,skip_bytes")
      fi
      if [ "$fault" = late ]; then
        dd "${way[@]}" bs=64K count=1 status=none
        [ $op = write ] || cmp got data
        continue
      fi
      pause 0.1 # ten lines a second are logged
      expect_dd_error "$text" "${way[@]}" bs=64K count=1
      failures=$((failures + 1))
      line="device $id: queue 0: tag [0-9]+: $op of 65536 bytes at $((n << 20)): .* \($name\)"
      has_line "$line" server.err || fail "$fault: no '$line' in: $(<server.err)"
    done
    # Its neighbour.
    near=$(((n << 20) + 65536))
    dd if=data of="$disk" seek=$near "oflag=direct,seek_bytes" bs=64K count=1 status=none
    dd if="$disk" skip=$near "iflag=direct,skip_bytes" bs=64K count=1 status=none | cmp - data
  done
  [ "$(counter failed)" -eq $failures ] || fail "$(counter failed) have failed, not $failures"
  has_line 'the target threw: a planted fault' server.err || fail "what was thrown is not told"
  end_server
done

# Good and bad ones at once, in a deep queue: as many errors as bad ones, and no more.
serve "$ASHLAR_TESTS_BIN/faulty_disk" 16M eio@1M+64K throw-late@2M+64K late@3M+64K
fio --minimal --name=storm --filename="$disk" --direct=1 --ioengine=io_uring --rw=randrw --bs=64k \
  --iodepth=32 --size=16M --loops=2 --continue_on_error=io --ignore_error=EIO >fio.out 2>&1
[ "$(counter failed)" -eq 4 ] || fail "$(counter failed) requests failed: $(<server.err)"
dd if="$disk" of=/dev/null bs=64K count=1 iflag=direct status=none
end_server
