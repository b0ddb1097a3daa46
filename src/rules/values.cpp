// SPDX-License-Identifier: MIT
#include "rules/values.hpp"

#include "uapi/print.hpp"

#include <fmt/format.h>

namespace ashlar::rules {

namespace {

using text = std::string;
using info = const uapi::ctrl_dev_info*;
using params = const uapi::params*;

// Words on a value, if it is known.
template <class T, class F>
text of(const fact<T>& f, F&& words) {
    return f.known() ? words(f.value()) : text();
}
template <class T>
text named(std::string_view name, const fact<T>& f) {
    return of(f, [&](const T& v) { return fmt::format("{} is {}", name, v); });
}
template <class A, class B>
text named(std::string_view a, const fact<A>& f, std::string_view b, const fact<B>& g) {
    const text first = named(a, f), second = named(b, g);
    return first + (first.empty() || second.empty() ? "" : ", ") + second;
}

text payload(const kernel&, const call& c) {
    const text length = named("len", c.length);
    return length + of(c.address, [&](std::uint64_t a) {
               return fmt::format("{}addr is {:#x}", length.empty() ? "" : ", ", a);
           });
}
text shape(const kernel&, const call& c) {
    return of(c.info, [](info i) {
        return fmt::format("queue_depth is {}, nr_hw_queues is {}", i->queue_depth,
                           i->nr_hw_queues);
    });
}
text wished_flags(const kernel&, const call& c) {
    return of(c.info, [](info i) { return "flags are " + uapi::flags_text(i->flags); });
}
text device_flags(const kernel&, const call& c) {
    return of(c.flags,
              [](std::uint64_t f) { return "the device's flags are " + uapi::flags_text(f); });
}
text device_state(const kernel&, const call& c) {
    return of(c.state, [](uapi::device_state s) { return "its state is " + uapi::to_string(s); });
}
text id(const kernel&, const call& c) { return named("dev_id", c.dev_id); }
text argument(const kernel&, const call& c) {
    return of(c.data, [](std::uint64_t d) {
        return fmt::format("data[0] is {}", static_cast<std::int64_t>(d));
    });
}
text command(const kernel&, const call& c) {
    return of(c.command_number,
              [](std::uint32_t n) { return "the command is " + uapi::command_text(n); });
}
text path(const kernel&, const call& c) {
    return named("dev_path_len", c.path_length, "len", c.length);
}
text limit(const kernel& k, const call& c) {
    return of(c.devices, [&](std::uint32_t n) {
        return fmt::format("there are {} devices, and ublks_max is {}", n, k.devices_max);
    });
}
text basic(const kernel&, const call& c) {
    return of(c.params, [](params p) {
        return fmt::format("logical_bs_shift is {}, physical_bs_shift is {}, io_min_shift is {}, "
                           "io_opt_shift is {}",
                           p->basic.logical_bs_shift, p->basic.physical_bs_shift,
                           p->basic.io_min_shift, p->basic.io_opt_shift);
    });
}
text largest(const kernel&, const call& c) {
    const text room = named("max_io_buf_bytes", c.max_io);
    return of(c.params,
              [](params p) { return fmt::format("max_sectors is {}", p->basic.max_sectors); }) +
           (room.empty() ? "" : ", ") + room;
}
text chunk(const kernel&, const call& c) {
    return of(c.params, [](params p) {
        return fmt::format("chunk_sectors is {}, dev_sectors is {}", p->basic.chunk_sectors,
                           p->basic.dev_sectors);
    });
}
text discard(const kernel&, const call& c) {
    return of(c.params, [](params p) {
        return fmt::format("max_discard_sectors is {}, max_discard_segments is {}, "
                           "discard_granularity is {}",
                           p->discard.max_discard_sectors, p->discard.max_discard_segments,
                           p->discard.discard_granularity);
    });
}
text types(const kernel&, const call& c) {
    return of(c.params_types,
              [](std::uint32_t t) { return "params.types is " + uapi::param_types_text(t); });
}
text lengths(const kernel& k, const call& c) {
    const text first = named("params.len", c.params_length, "len", c.length), second = types(k, c);
    return first + (first.empty() || second.empty() ? "" : ", ") + second;
}
text shared_buffer(const kernel&, const call& c) {
    return of(c.buffer, [](const uapi::shmem_buf_reg* b) { return uapi::to_string(*b); });
}
text queue(const kernel&, const call& c) {
    return named("q_id", c.q_id, "the number of queues", c.queues);
}
text tag(const kernel&, const call& c) { return named("tag", c.tag, "the depth", c.depth); }
text io_address(const kernel&, const call& c) {
    return of(c.io_address, [](std::uint64_t a) { return fmt::format("io_cmd.addr is {:#x}", a); });
}

struct words {
    std::string_view id;
    text (*say)(const kernel&, const call&);
};

constexpr words table[] = {
    {"ADD-1", &payload},
    {"SET-1", &payload},
    {"GETP-1", &payload},
    {"FEAT-1", &payload},
    {"INFO-1", &payload},
    {"ADD-4", &shape},
    {"ADD-19", &shape},
    {"ADD-6", &wished_flags},
    {"ADD-7", &wished_flags},
    {"ADD-8", &wished_flags},
    {"ADD-9", &wished_flags},
    {"ADD-18", &wished_flags},
    {"ADD-12", &id},
    {"ADD-13", &id},
    {"ADD-15", &limit},
    {"ADD-17", &id},
    {"D-3", &command},
    {"D-5", &id},
    {"D-7", &command},
    {"P-6", &command},
    {"P-3", &path},
    {"P-4", &path},
    {"SET-3", &lengths},
    {"PAR-1", &types},
    {"PAR-2", &basic},
    {"PAR-3", &basic},
    {"PAR-5", &basic},
    {"PAR-6", &largest},
    {"PAR-7", &largest},
    {"PAR-8", &chunk},
    {"PAR-9", &discard},
    {"PAR-10", &discard},
    {"PAR-12", &types},
    {"PAR-14", &chunk},
    {"PAR-15", &types},
    {"START-1", &argument},
    {"START-5", &argument},
    {"START-6", &device_state},
    {"SREC-1", &device_flags},
    {"SREC-2", &device_state},
    {"EREC-2", &argument},
    {"EREC-3", &device_flags},
    {"EREC-4", &device_state},
    {"QUI-1", &device_flags},
    {"QUI-2", &device_state},
    {"QUI-4", &argument},
    {"TRY-1", &device_state},
    {"SIZE-1", &device_state},
    {"AFF-4", &argument},
    {"RBUF-1", &device_flags},
    {"RBUF-5", &shared_buffer},
    {"UBUF-1", &device_flags},
    {"UBUF-2", &argument},
    {"UBUF-3", &argument},
    {"IO-3", &queue},
    {"IO-4", &tag},
    {"FETCH-1", &io_address},
    {"FETCH-2", &io_address},
};

}  // namespace

std::string offending_value(const row& r, const kernel& k, const call& c) {
    for (const words& w : table) {
        if (w.id == r.id) return w.say(k, c);
    }
    return {};
}

}  // namespace ashlar::rules
