// SPDX-License-Identifier: MIT
// Commands that ask: about the driver, a device, and the CPUs of a queue.
#include "rules/rows.hpp"

namespace ashlar::rules {

namespace {

using enum subject;

constexpr subject features[] = {get_features};
constexpr subject info[] = {get_dev_info, get_dev_info2};
constexpr subject affinity[] = {get_queue_affinity};

constexpr row rows[] = {
    {.id = "FEAT-1",
     .about = features,
     .kernels = since(6, 5),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return c.payload_length != 8 || zero(c.payload_address); },
     .means = "The answer is one number of 64 bits, so len must be 8 and addr not 0",
     .mend = "set len to 8 and addr to the address of a std::uint64_t",
     .source = "ublk_ctrl_get_features"},
    {.id = "FEAT-2",
     .about = features,
     .kernels = since(6, 5),
     .error = EFAULT,
     .breaks = [](auto&, auto& c) { return !holds(c.payload_writable); },
     .means = "The answer can't be written to addr",
     .mend = "let addr point to 8 writable bytes",
     .source = "ublk_ctrl_get_features"},
    {.id = "INFO-1",
     .about = info,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.payload_length < std::uint16_t{sizeof(uapi::ctrl_dev_info)} ||
                    zero(c.payload_address);
         },
     .means = "The answer is a ublksrv_ctrl_dev_info of 64 bytes: len (without the path) is less, "
              "or addr is 0",
     .mend = "set len to 64 (plus dev_path_len where a path is sent) and addr to the buffer",
     .source = "ublk_ctrl_get_dev_info"},
    {.id = "INFO-2",
     .about = info,
     .error = EFAULT,
     .breaks = [](auto&, auto& c) { return !holds(c.payload_writable); },
     .means = "The answer can't be written to addr (behind the path, where one is sent)",
     .mend = "let addr point to writable memory",
     .source = "ublk_ctrl_get_dev_info"},
    {.id = "AFF-1",
     .about = affinity,
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return c.payload_length.is([&](auto bytes) { return bytes * 8u < k.cpu_ids; });
         },
     .means = "The answer has one bit for each possible CPU, and len has too few",
     .mend = "set len to 128 (1024 CPUs) or more",
     .source = "ublk_ctrl_get_queue_affinity"},
    {.id = "AFF-2",
     .about = affinity,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.payload_length.is([](auto bytes) { return bytes % sizeof(long) != 0; });
         },
     .means = "len is not a multiple of a long's 8 bytes",
     .mend = "round len up to a multiple of 8",
     .source = "ublk_ctrl_get_queue_affinity"},
    {.id = "AFF-3",
     .about = affinity,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return zero(c.payload_address); },
     .means = "addr is 0",
     .mend = "set addr to the buffer for the mask",
     .source = "ublk_ctrl_get_queue_affinity"},
    {.id = "AFF-4",
     .about = affinity,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return both(c.data, c.queues, [](auto queue, auto queues) { return queue >= queues; });
         },
     .means = "data[0] is the queue, and the device has fewer (ADD_DEV may have cut their number)",
     .mend = "set data[0] to less than nr_hw_queues",
     .source = "ublk_ctrl_get_queue_affinity"},
    {.id = "AFF-5",
     .about = affinity,
     .error = ENOMEM,
     .means = "The kernel has no memory for the mask",
     .mend = "free memory, and try again",
     .source = "ublk_ctrl_get_queue_affinity"},
    {.id = "AFF-6",
     .about = affinity,
     .error = EFAULT,
     .breaks = [](auto&, auto& c) { return !holds(c.payload_writable); },
     .means = "The mask can't be written to addr",
     .mend = "let addr point to len writable bytes",
     .source = "ublk_ctrl_get_queue_affinity"},
};

}  // namespace

std::span<const row> info_rows() { return rows; }

}  // namespace ashlar::rules
