# SPDX-License-Identifier: MIT
"""Bugs to plant in ashlar's sources, one at a time: the simulation has to find each.

A bug is a name, what it is in words, and replacements: the file, the exact text that stands there
once, and the text to put in its place; then, where it takes any, options of ashlar-sim.
"""

QUEUE = "src/queue/queue.cpp"
RING_IO = "src/queue/ring_io.cpp"
LIFE = "src/device/life.cpp"
LOOP = "src/queue/loop.cpp"
BUFFERS = "src/queue/buffers.hpp"
ANSWER = "src/queue/answer.cpp"
BATCHES = "src/queue/queue_batch.cpp"
SLOT = "src/queue/slot.hpp"
PLAN = "src/device/plan.cpp"

# Where queue::start hands a request to its target.
HAND_OVER = "    give_to_target(s);\n}\n\n// Where in this process"

BUGS = [
    ("commit-twice", "each answer is given twice",
     [("src/queue/slot.hpp", "        s.pooled = false;\n    }\n    send(s, outcome);",
       "        s.pooled = false;\n    }\n    send(s, outcome);\n    send(s, outcome);")]),
    ("error-not-answered", "a request whose handler failed is never answered",
     [(ANSWER, "        counters_.failed.add(1);\n        return commit(s, -code);",
       "        counters_.failed.add(1);\n        return;")]),
    ("error-as-success", "a request whose handler failed is answered as done",
     [(ANSWER, "        counters_.failed.add(1);\n        return commit(s, -code);",
       "        counters_.failed.add(1);\n"
       "        return commit(s, static_cast<std::int32_t>(s.length()));")]),
    ("wrong-descriptors", "every queue maps the descriptors of queue 0",
     [(QUEUE, "spec_.id * stride));", "0 * stride));")]),
    ("fetch-after-start", "the tags are fetched after START_DEV",
     [(LIFE, "    ASHLAR_CHECK(start_queues());\n    const std::uint64_t before_start = "
       "machine_.now_ns();\n    ASHLAR_CHECK(control_->start(id(), machine_.process_id()));",
       "    const std::uint64_t before_start = machine_.now_ns();\n"
       "    ASHLAR_CHECK(control_->start(id(), machine_.process_id()));\n"
       "    ASHLAR_CHECK(start_queues());")]),
    ("one-tag-not-fetched", "the first tag of a queue is never fetched",
     [(QUEUE, "n = spec_.part; n < spec_.depth; n += spec_.parts) {\n        const auto tag",
       "n = spec_.part + 1; n < spec_.depth; n += spec_.parts) {\n        const auto tag")]),
    ("flush-ignored", "a flush is answered without asking the target",
     [(ANSWER, HAND_OVER, "    if (s.op() == operation::flush) return answer(s, {});\n" + HAND_OVER)]),
    ("fua-ignored", "a write with FUA is not flushed",
     [(ANSWER, "spec_.flush_after_fua && (d.op_flags", "false && (d.op_flags")]),
    ("discard-ignored", "a discard is answered without asking the target",
     [(ANSWER, HAND_OVER, "    if (s.op() == operation::discard) return answer(s, {});\n" + HAND_OVER)]),
    ("write-answered-at-once", "a write is answered before the target has done it",
     [(ANSWER, HAND_OVER, "    if (s.op() == operation::write) "
       "commit(s, static_cast<std::int32_t>(s.length()));\n" + HAND_OVER)]),
    ("buffers-shared", "two tags have the same buffer",
     [(BUFFERS, "return {memory_.data() + tag * bytes_, length};",
       "return {memory_.data() + tag / 2 * bytes_, length};"),
      (BUFFERS, "return reinterpret_cast<std::uintptr_t>(memory_.data() + tag * bytes_);",
       "return reinterpret_cast<std::uintptr_t>(memory_.data() + tag / 2 * bytes_);")]),
    ("mapping-leaked", "the descriptors stay mapped when the device is deleted",
     [(QUEUE, "    if (!mapping_.empty()) spec_.machine->unmap(mapping_);\n", "")]),
    ("node-left-open", "ublkcN stays open when the device is deleted",
     [(LIFE, "    if (char_fd_ >= 0) machine_.close(std::exchange(char_fd_, -1));\n"
       "    const auto forget", "    const auto forget")]),
    ("device-left", "a stop does not delete the device",
     [(LIFE, "        if (!gone) {\n            removed = delete_stopped(", "        if (gone) {\n"
       "            removed = delete_stopped(")]),
    ("wrong-unit", "positions are counted in units of 1024 bytes",
     [(SLOT, "offset_ = d.start_sector * uapi::sector_bytes;",
       "offset_ = d.start_sector * 2 * uapi::sector_bytes;")]),
    ("result-0-of-write", "a write is answered with the result 0",
     [(ANSWER, "        outcome = static_cast<std::int32_t>(s.length());\n"
       "        counters_.bytes_written", "        outcome = 0;\n        counters_.bytes_written")]),
    ("result-0-of-read", "a read is answered with the result 0",
     [(ANSWER, "        outcome = static_cast<std::int32_t>(s.length());\n"
       "        counters_.bytes_read", "        outcome = 0;\n        counters_.bytes_read")]),
    ("answer-of-another-tag", "a long answer is given for the next tag",
     [(QUEUE, ".q_id = spec_.id, .tag = tag,",
       ".q_id = spec_.id, .tag = static_cast<std::uint16_t>"
       "((tag + (outcome > 4096 ? 1 : 0)) % spec_.depth),")]),
    ("last-block-refused", "requests that end where the disk ends are refused",
     [(ANSWER, "d.nr_sectors > size_sectors - d.start_sector",
       "d.nr_sectors >= size_sectors - d.start_sector")]),
    ("completions-dropped", "of a batch of completions only eight are looked at",
     [("src/os/ring.hpp", "        for (; head != tail; ++head) {\n",
       "        for (unsigned n = 0; head != tail; ++head) {\n            if (n++ > 8) continue;\n")]),
    ("failed-sync-forgotten", "a sync that failed counts as done",
     [(RING_IO, "    if (result < 0) {",
       "    if (result < 0 && o.kind_ != ring_operation::kind::data_sync) {")]),
    ("short-transfer", "a short transfer is not continued",
     [(RING_IO, "        if (o.length_ != 0) return {};\n", "")]),
    ("continued-in-place", "the rest of a short transfer goes to where it began",
     [(RING_IO, "        o.at_ += moved;\n", "")]),
    ("interrupted", "an interrupted transfer is not repeated",
     [(RING_IO, "    if (result == -EINTR && o.kind_ != ring_operation::kind::wait) return {};\n",
       "")]),
    ("cache-not-announced", "the kernel is not told of a volatile cache",
     [(PLAN, "attrs |= uapi::attr_volatile_cache | uapi::attr_fua;", "attrs |= 0;")]),
    ("reissue-not-asked", "with recovery=reissue the requests of a dead server fail",
     [(PLAN, "return uapi::f_user_recovery | uapi::f_user_recovery_reissue;",
       "return uapi::f_user_recovery;")]),
    ("no-fence", "requests are made again while a dead server's may still happen",
     [("src/sim/media.cpp", "        s.disk->faults = p.faults;\n",
       "        s.disk->faults = p.faults;\n        s.disk->faults.ghosts = true;\n")]),
    ("recovery-ended-early", "END_USER_RECOVERY comes before the tags are fetched",
     [("src/device/recover.cpp", "    ASHLAR_CHECK(start_queues());\n"
       "    ASHLAR_CHECK(end_recovery());", "    ASHLAR_CHECK(end_recovery());\n"
       "    ASHLAR_CHECK(start_queues());")]),
    ("wake-up-lost", "a queue that is to end is not woken",
     [(LOOP, "    }\n    machine_.wakeup_signal(wakeup_fd_, 1);\n", "    }\n")]),
    ("stale-tag", "a tag that comes back at the end of a round counts as a request",
     [("src/queue/turn.cpp", "if (outcome == uapi::io_res_abort) return round_ends();",
       "if (outcome == uapi::io_res_abort) return arrived(s);")]),
    ("overflow-ends-delivery", "a fetch of batches that found completions full is not repeated",
     [(BATCHES, "fetch_again_ = outcome == -ENOBUFS || outcome >= 0;", "fetch_again_ = false;")]),
    ("data-copied-late", "by user copy a read is answered before its data is there",
     [(ANSWER, "    if (s.goes_back && !failed) {", "    if (s.goes_back && s.flushing) {")]),
    ("fallback-ignored", "a request that could not be registered counts as registered",
     [(ANSWER, "(d.op_flags & uapi::io_f_need_reg_buf) != 0", "false")]),
    ("not-served-again", "a server that nobody has relieved does not serve again",
     [("src/device/recover.cpp", "        served = serve_waiting();\n", "")],
     ["--upgrades"]),
    ("relief-not-seen", "a server that was relieved takes it for a failure",
     [("src/device/recover.cpp", "served.error().code == ENODEV || is_served_elsewhere()",
       "served.error().code == ENODEV")],
     ["--upgrades"]),
    ("broker-forgotten", "a command counts as done when the broker is gone",
     [("src/control/channel.cpp", "        return helper_.command(number, "
       "std::as_bytes(std::span(&header, 1)), payload, limit_ns);",
       "        const int got = helper_.command(number, std::as_bytes(std::span(&header, 1)), payload,"
       " limit_ns);\n        return got == -EPIPE ? 0 : got;")],
     ["--brokers"]),
]
