# SPDX-License-Identifier: MIT
"""What tests/power-cut writes, and how a block is recognised."""

import random
import struct

BLOCK = 4096
DISK_BLOCKS = 1024
PER_FLUSH = 48
PER_FUA = 4


def is_fua(number):
    """Odd rounds are made durable by FUA, even ones by a flush."""
    return number % 2 == 1


def places(seed):
    """For each round, from 1 on, the blocks that it writes."""
    dice = random.Random(seed)
    number = 0
    while True:
        number += 1
        yield number, dice.sample(range(DISK_BLOCKS), PER_FUA if is_fua(number) else PER_FLUSH)


def block_of(block, number):
    """The content of a block in a round: each of its sectors says both."""
    return struct.pack("<QQ", block, number) * (BLOCK // 16)


def number_in(block, content):
    """The round of a block's content; 0 if it was never written, None if it is no round's."""
    if content == bytes(BLOCK):
        return 0
    number = struct.unpack_from("<Q", content, 8)[0]
    return number if content == block_of(block, number) else None
