#!/bin/bash
# Values that can't be, misspelt and repeated options: each is refused with status 2 and an error
# that names the thing and says what to do, and nothing is made.
# any kernel
. "${0%/*}/functions.sh"

bad() { expect_refusal "$1" 2 "$ASHLAR" "${@:2}"; }

for verb in add run; do
  bad "size: 0 .*empty" $verb mem 0
  bad "size: 0 .*empty" $verb mem --size=0
done
bad "(unknown option '-1M'|--size: '-1M')" add mem -1M
bad "--size: '-1M' .*negative" add mem --size -1M
bad "--size: '-1' .*negative" add mem --size=-1
bad "--size: '18446744073709551616' .*64 bits" add mem 18446744073709551616
bad "--size: '16E' .*64 bits" add mem 16E
bad "size: .*largest device" add null 8E
bad "size: 513 bytes .*multiple of the block size, 512 bytes .*use 512 or 1024 bytes" add mem 513
bad "size: 10752 bytes .*multiple of the block size, 4096" add mem 10752 --block-size 4096
bad "--size: '1.5G'" add mem 1.5G
bad "--size: '1X' .*suffix" add mem 1X
bad "--size: 'G' .*not a size" add mem G
bad "--size: '' .*not a size" add mem ''
bad "--depth: '0' .*range" add mem 64M --depth 0
bad "--depth: '4097' .*range \(1 to 4096\)" add mem 64M --depth 4097
bad "--depth: '-1'" add mem 64M --depth -1
bad "--depth: '1e3' .*number" add mem 64M --depth 1e3
bad "--queues: '0' .*range" add mem 64M --queues 0
bad "--queues: '5000' .*range \(1 to 4096\)" add mem 64M --queues 5000
bad "block size: 513 .*use 512, 1024, 2048 or 4096" add mem 64M --block-size 513
bad "block size: 0|block size: 1" add mem 64M --block-size 0
bad "block size: 8192" add mem 64M --block-size 8K
bad "block size: 256" add mem 64M --block-size 256
bad "largest request: 512 .*range" add mem 64M --max-io 512
bad "largest request: 67108864 .*range" add mem 64M --max-io 64M
bad "largest request: 5000 bytes .*multiple of a page" add mem 64M --max-io 5000
bad "--id: '1048576' .*range" add mem 64M --id 1048576
bad "--id: '-1'" add mem 64M --id -1
bad "--name: '' .*empty" add mem 64M --name ''
bad "name: 'a/b'" add mem 64M --name a/b
bad "name: '\.\.'" add mem 64M --name ..
bad "name: 'a b'" add mem 64M --name 'a b'
bad "--huge-pages: 'maybe' .*one of" add mem 64M --huge-pages maybe
bad "--numa-node: 'near' .*or interleave" add mem 64M --numa-node near
bad "unknown target 'men' .*mean mem\?" add men 64M
bad "a target is missing" add
bad "unknown verb 'ad' .*mean add\?" ad mem 64M
bad "unknown option '--queue' .*mean --queues\?" add mem 64M --queue 2
bad "unknown option '--deph' .*mean --depth\?" add mem 64M --deph=3
bad "unknown option '-q'" add mem 64M -q 2
bad "unknown option '--forse' .*mean --force\?" del 0 --forse
bad "unexpected word '64M'" add mem 64M 64M
bad "--depth .*twice" add mem 64M --depth 4 --depth 4
bad "--size .*twice" add mem 64M --size 64M --size 64M
bad "--read-only .*twice" add mem 64M --read-only --read-only
bad "--read-only .*takes no value" add mem 64M --read-only=yes
bad "--depth .*missing" add mem 64M --depth
bad "del .*no device" del
bad "del .*exclude" del --all 0
bad "a device is missing" show
bad "unexpected word 'x'" list x

# Not there: status 1.
expect_error "GET_DEV_INFO: device 5: .*no such ublk device.* do: " 1 "$ASHLAR" show 5
expect_error "GET_DEV_INFO: device 5: .*no such ublk device.* do: " 1 "$ASHLAR" del 5
expect_error "find the device: 'nobody': .* do: " 1 "$ASHLAR" del nobody
expect_error "write to standard output" 1 bash -c '"$ASHLAR" --help >/dev/full'
