# SPDX-License-Identifier: MIT
"""What tests/power-cut writes, and how a block is recognised."""

import random
import struct
from itertools import takewhile

SECTOR = 512
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


def torn(block, content):
    """The rounds in a block's sectors, for one that the cut has torn; None if it is foreign."""
    numbers = set()
    for i in range(0, BLOCK, SECTOR):
        part = content[i : i + SECTOR]
        number = number_in(block, part * (BLOCK // SECTOR))
        if number is None:
            return None
        numbers.add(number)
    return numbers


def must_hold(seed, acknowledged):
    """For each block the last round that was acknowledged."""
    must = [0] * DISK_BLOCKS
    for number, blocks in takewhile(lambda r: r[0] <= acknowledged, places(seed)):
        for block in blocks:
            must[block] = number
    return must


def what_is_lost(disk, must):
    """The first block that does not hold its round or a later one, in words; None if all do."""
    for block in range(DISK_BLOCKS):
        numbers = torn(block, bytes(disk[block * BLOCK : (block + 1) * BLOCK]))
        if numbers is None or min(numbers) < must[block]:
            return (
                f"block {block} holds round {sorted(numbers or [])}, and round {must[block]} "
                "was acknowledged"
            )
    return None
