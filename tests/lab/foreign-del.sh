#!/bin/bash
# A device removed by somebody else: run ends with status 0 and says so, in use or not; who has it
# open gets errors.
. "${0%/*}/functions.sh"

serve "$ASHLAR" run mem 64M
"$ASHLAR" del "$id"
wait "$server" || fail "run ended badly: $(<server.err)"
has_line "removed or quiesced by somebody else" server.err || fail "it says: $(<server.err)"
is_gone "$disk" || fail "$disk is still there"

serve "$ASHLAR" run mem 64M
exec {held}<>"$disk"
expect_error "open by bash \(pid $$\)" 1 "$ASHLAR" del "$id"
"$ASHLAR" del --force "$id" 2>said &
remover=$!
wait "$server" || fail "run ended badly: $(<server.err)"
dd bs=4K count=1 iflag=direct of=got <&"$held" 2>said || true
[ ! -s got ] || fail "the dead disk gives data"
dd if=/dev/zero bs=4K count=1 oflag=direct 2>said 1>&"$held" && fail "the dead disk takes data"
exec {held}<&-
wait $remover
wait_for 60 is_gone "/sys/class/ublk-char/ublkc$id"
