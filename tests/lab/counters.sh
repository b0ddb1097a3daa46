#!/bin/bash
# The counters of show: what was asked for is counted by kind and bytes; the server enters the kernel
# at most once a turn, and under load a turn has many requests; no coroutine frame came from the
# heap.
# any kernel
. "${0%/*}/functions.sh"
requires fio jq

add mem 64M
random_file data $((1 << 20))
reads=$(counter reads) bytes=$(counter bytes_read)
dd if="$disk" of=/dev/null bs=64K count=16 iflag=direct status=none
[ $(($(counter bytes_read) - bytes)) -ge $((1 << 20)) ] || fail "bytes_read"
[ $(($(counter reads) - reads)) -ge 16 ] || fail "reads"
dd if=data of="$disk" bs=64K oflag=direct status=none
[ "$(counter writes)" -eq 16 ] || fail "$(counter writes) writes"
[ "$(counter bytes_written)" -eq $((1 << 20)) ] || fail "$(counter bytes_written) bytes"
blkdiscard -o 0 -l 65536 "$disk"
[ "$(counter discards)" -eq 1 ] || fail "$(counter discards) discards"

few_enters() {
  "$ASHLAR" show "$id" --json | jq -c '.server.queues[0]' >counted
  jq -e '.enters <= .turns + 4' counted >said || fail "more enters than turns: $(<counted)"
  jq -e '.frames_on_heap == 0' counted >said || fail "frames came from the heap: $(<counted)"
}
few_enters
load() {
  fio --minimal --name=load --filename="$disk" --direct=1 --ioengine=io_uring --rw=randread \
    --bs=4k --size=16M --iodepth=32 --iodepth_batch_submit=16 --iodepth_batch_complete_min=16 >fio.out
}
echo 2 >"/sys/block/ublkb$id/queue/nomerges"
enters=$(counter enters) requests=$(counter requests)
load
enters=$(($(counter enters) - enters)) requests=$(($(counter requests) - requests))
[ "$requests" -ge 4096 ] || fail "$requests requests only"
[ $((enters * 2)) -lt "$requests" ] || fail "$enters enters for $requests requests"
few_enters
"$ASHLAR" show "$id" | grep "queue 0: .* requests .* enters" >/dev/null || fail "show has no counters"

# stats: the same, and how long requests took; one that is not answered is told, and since when.
"$ASHLAR" stats "$id" --json >stats.json
jq -e '.queues[0] | .requests > 4096 and .completions > 0 and .in_hand == 0
  and .latency.p50_ns > 0 and .latency.p50_ns <= .latency."p99_ns"
  and ([.latency.buckets[][1]] | add) == .requests' stats.json >said || fail "stats: $(<stats.json)"
"$ASHLAR" stats "$id" | grep "latency  half within .*, all " >/dev/null || fail "stats tells no latency"
timeout 100 "$ASHLAR" stats "$id" --watch >watched &
watcher=$!
wait_for 60 has_line "requests, .* 99 % " watched
kill $watcher
wait $watcher || true
remove

# The same with coroutines.
truncate -s 16M image
serve "$ASHLAR_EXAMPLES_BIN/file_disk" image
load
few_enters
end_server
