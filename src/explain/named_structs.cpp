// SPDX-License-Identifier: MIT
#include "explain/named_structs.hpp"

#include "explain/runs.hpp"
#include "uapi/ublk.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace ashlar::explain {

namespace {

using numbers = std::vector<number_word>;
std::vector<std::uint8_t> bytes_of(const auto& of) {
    const auto array = std::bit_cast<std::array<std::uint8_t, sizeof of>>(of);
    return {array.begin(), array.end()};
}

template <class T>
void set(T& to, const number_word* from) {
    if (from != nullptr) to = static_cast<T>(from->value);
}

const number_word* id_of(const numbers& all) { return number_named(all, {"devid", "dev", "id"}); }

std::optional<dump> info_of(const numbers& all, std::size_t line) {
    const auto* queues = number_named(all, {"queues", "nrhwqueues", "nrqueues", "numqueues"});
    const auto* depth = number_named(all, {"depth", "queuedepth"});
    if (queues == nullptr || depth == nullptr || id_of(all) == nullptr) return std::nullopt;
    uapi::ctrl_dev_info i;
    set(i.nr_hw_queues, queues);
    set(i.queue_depth, depth);
    set(i.dev_id, id_of(all));
    set(i.state, number_named(all, {"state"}));
    set(i.max_io_buf_bytes, number_named(all, {"maxio", "maxiobufbytes", "maxiosize"}));
    set(i.ublksrv_pid, number_named(all, {"ublksrvpid", "pid"}));
    set(i.flags, number_named(all, {"flags"}));
    set(i.ublksrv_flags, number_named(all, {"ublksrvflags"}));
    return dump{shape::info, bytes_of(i), line, true};
}

std::optional<dump> header_of(const numbers& all, std::size_t line) {
    const auto* queue = number_named(all, {"queueid"});
    const auto* len = number_named(all, {"len"});
    const auto* addr = number_named(all, {"addr"});
    if (queue == nullptr || len == nullptr || addr == nullptr || id_of(all) == nullptr) {
        return std::nullopt;
    }
    uapi::ctrl_cmd h;
    set(h.dev_id, id_of(all));
    set(h.queue_id, queue);
    set(h.len, len);
    set(h.addr, addr);
    set(h.data[0], number_named(all, {"data", "data0"}));
    set(h.dev_path_len, number_named(all, {"devpathlen"}));
    return dump{shape::header, bytes_of(h), line, true};
}

std::optional<dump> io_of(const numbers& all, std::size_t line) {
    const auto* queue = number_named(all, {"qid"});
    const auto* tag = number_named(all, {"tag"});
    const auto* result = number_named(all, {"result"});
    const auto* addr = number_named(all, {"addr"});
    if (queue == nullptr || tag == nullptr || result == nullptr || addr == nullptr) {
        return std::nullopt;
    }
    uapi::io_cmd c;
    set(c.q_id, queue);
    set(c.tag, tag);
    set(c.result, result);
    set(c.addr, addr);
    return dump{shape::io, bytes_of(c), line, true};
}

std::vector<dump> structs_of(const numbers& all, std::size_t line) {
    std::vector<dump> found;
    for (auto read : {info_of, header_of, io_of}) {
        if (auto one = read(all, line)) found.push_back(std::move(*one));
    }
    return found;
}

}  // namespace

const number_word* number_named(const numbers& all, std::initializer_list<std::string_view> keys) {
    for (const number_word& n : all) {
        if (std::ranges::find(keys, std::string_view(n.key)) != keys.end()) return &n;
    }
    return nullptr;
}

std::vector<dump> named_structs::take(std::string_view line, const line_words& words,
                                      std::size_t number) {
    constexpr std::size_t most = 64;
    const std::string_view text = without_blanks(line);
    if (since_ == 0) {
        if (text.ends_with('{')) since_ = number;
        open_.clear();
        return structs_of(words.numbers, number);
    }
    open_.insert(open_.end(), words.numbers.begin(), words.numbers.end());
    const bool ends = text.find('}') != std::string_view::npos;
    if (!ends && open_.size() < most && number - since_ < most) return {};
    const std::size_t first = since_;
    since_ = 0;
    return structs_of(open_, first);
}

}  // namespace ashlar::explain
