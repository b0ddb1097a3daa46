#!/bin/bash
# A write of a killed server that is still under way beneath never lands behind a newer one that was
# acknowledged and flushed. The disk beneath holds the old write back for three seconds; a new server
# of `file` must wait for it, with ashlar's lock and without, by the kernel's own order of things.
# The negative control has no fence, and shows the old data.
. "${0%/*}/functions.sh"

ghost_disk=$ASHLAR_TESTS_BIN/ghost_disk
below='' below_id='' below_server=''

write_letter() { head -c 4096 /dev/zero | tr '\0' "$1" | dd of="$disk" bs=4096 oflag=direct conv=fsync status=none; }
letter() { dd if="$1" bs=4096 count=1 iflag=direct status=none | head -c 1; }
exists() { [ -e "$1" ]; }

lay_below() {
  rm -f held go landed
  serve "$ghost_disk" below "$work"
  below=$disk below_id=$id below_server=$server
}
remove_below() {
  disk=$below id=$below_id server=$below_server
  end_server
}

# The old write is under way beneath, its server dead, and the disk below lets it land in 3 seconds.
kill_with_write_under_way() {
  write_letter A &
  writer=$!
  wait_for 20 exists held
  kill -KILL "$server"
  (pause 3; touch go) &
}

# The old write was made again; a newer one is answered and flushed. Gives what is there in the end.
write_newer() {
  wait $writer || fail "the write that was under way has failed"
  write_letter B
  [ "$(letter "$disk")" = B ] || fail "the newer write is not to be seen"
  wait_for 20 exists landed
  in_the_end=$(letter "$disk")
  [ "$(letter "$below")" = "$in_the_end" ] || fail "beneath there is something else"
}

for locking in on off; do
  lay_below
  add file "$below" --locking $locking
  kill_with_write_under_way
  "$ASHLAR" recover "$id"
  [ -e go ] || fail "locking $locking: the new server did not wait for the old write"
  write_newer
  [ "$in_the_end" = B ] || fail "locking $locking: an acknowledged, flushed write is gone"
  remove
  remove_below
done

# Without a fence: nobody waits, and the dead server's write is there in the end.
lay_below
serve "$ghost_disk" above "$below" reissue
above=$id
kill_with_write_under_way
wait "$server" || true
wait_for 60 has_state "$above" quiesced
serve "$ghost_disk" above "$below" "$above"
[ ! -e go ] || fail "the control has waited for the old write"
write_newer
[ "$in_the_end" = A ] || fail "the control does not show what a fence is for"
end_server
remove_below
