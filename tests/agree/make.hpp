// SPDX-License-Identifier: MIT
// Words in which sequences are written. Each makes the ordinary, legal call; what is to be wrong
// about it is changed afterwards.
#pragma once

#include "step.hpp"

#include <cstring>
#include <initializer_list>
#include <utility>

namespace agree {

using steps = std::vector<step>;

template <class T>
std::vector<std::byte> bytes_of(const T& value) {
    std::vector<std::byte> bytes(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

// A control command from the server's first thread.
step command(uapi::ctrl_op what, unsigned dev = 0);

struct shape {
    std::uint64_t flags = 0;
    std::uint16_t queues = 1, depth = 1;
    std::uint32_t max_io = 64 << 10;
    std::uint64_t sectors = 2048;
};

uapi::ctrl_dev_info good_info(const shape& of = {});
uapi::params good_params(const shape& of = {});
step add_info(const uapi::ctrl_dev_info& info, unsigned dev = 0);
step add(const shape& of = {}, unsigned dev = 0);
step set_params(const uapi::params& p, unsigned dev = 0);
step get_params(unsigned dev = 0);
step get_info(unsigned dev = 0);
step get_info2(std::string path, unsigned dev = 0);
step start(unsigned dev = 0);  // served, with the server's pid
step end_recovery(unsigned dev = 0);

step open_char(unsigned dev = 0);
step close_char(unsigned dev = 0);
step map_queue(const shape& of = {}, std::uint16_t queue = 0, unsigned dev = 0);
step unmap_queue(std::uint16_t queue = 0, unsigned dev = 0);

step io(uapi::io_op what, std::uint16_t queue = 0, std::uint16_t tag = 0, unsigned dev = 0);
step fetch(const shape& of = {}, std::uint16_t queue = 0, std::uint16_t tag = 0, unsigned dev = 0);
step commit(const shape& of, std::int32_t result, std::uint16_t queue = 0, std::uint16_t tag = 0,
            unsigned dev = 0);
step batch(uapi::io_op what, std::uint16_t queue, std::vector<std::uint16_t> tags,
           std::int32_t result, bool with_buffers, unsigned dev = 0);
step fetch_batch(std::uint16_t queue = 0, unsigned dev = 0);

// From another process.
step disk_open(int flags, unsigned dev = 0);
step disk(op what, std::uint64_t position = 0, std::uint64_t length = 4096, unsigned dev = 0);
step call(op what, unsigned dev = 0);
step by(step s, unsigned process, unsigned thread = 0);
step changed(step s, const auto& change) {
    change(s);
    return s;
}
template <class F>
step add_with(const F& change, const shape& of = {}) {
    uapi::ctrl_dev_info info = good_info(of);
    change(info);
    return add_info(info);
}
template <class F>
step params_with(const F& change, const shape& of = {}) {
    uapi::params p = good_params(of);
    change(p);
    return set_params(p);
}

// ADD, SET_PARAMS, open, map, FETCH of all tags.
steps added(const shape& of = {}, unsigned dev = 0);
steps opened(const shape& of = {}, unsigned dev = 0);
steps fetched(const shape& of = {}, unsigned dev = 0);
steps live(const shape& of = {}, unsigned dev = 0);
// And with a disk read under way that the server has in hand.
steps asked(const shape& of = {});
// The next server, in the second process: what comes after START_USER_RECOVERY.
steps taken_over(const shape& of = {});

inline void join(steps& to, const step& s) { to.push_back(s); }
inline void join(steps& to, const steps& s) { to.insert(to.end(), s.begin(), s.end()); }

template <class... P>
sequence make(std::string id, const P&... parts) {
    sequence s{.id = std::move(id)};
    (join(s.steps, parts), ...);
    return s;
}
inline sequence since(unsigned version, sequence s) {
    s.since = version;
    return s;
}
inline sequence wedges(std::string why, sequence s) {
    s.wedges = std::move(why);
    return s;
}
inline sequence until(unsigned version, sequence s) {
    s.until = version;
    return s;
}

using sequences = std::vector<sequence>;

}  // namespace agree
