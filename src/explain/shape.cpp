// SPDX-License-Identifier: MIT
#include "explain/shape.hpp"

#include "explain/opcodes.hpp"
#include "uapi/ublk.hpp"

#include <algorithm>
#include <bit>

namespace ashlar::explain {

namespace {

using bytes_view = std::span<const std::uint8_t>;

constexpr std::string_view names[] = {"entry", "header",     "info",  "params",
                                      "io",    "descriptor", "batch", "buffer"};

bool all_zero(bytes_view b) {
    return std::ranges::all_of(b, [](std::uint8_t x) { return x == 0; });
}

// Addresses of a process on x86-64 and arm64.
bool is_address(std::uint64_t a) { return a == 0 || (a >= 4096 && a < (1ull << 52)); }
bool is_id(std::uint32_t id) { return id <= uapi::device_id_max || id == uapi::device_id_auto; }

// Each form's score: how many bits of the bytes are as they must be; 0 if some can't be so.

int entry_score(bytes_view b) {
    if (b.size() != 64 && b.size() != 128 && b.size() != 144) return 0;
    const auto opcode = b[0];
    const auto command = load<std::uint32_t>(b, 8);
    const auto number = uapi::decode(command);
    const bool control = uapi::is_known(static_cast<uapi::ctrl_op>(number.nr));
    const bool io = uapi::is_known(static_cast<uapi::io_op>(number.nr));
    const bool encoded =
        number.type == uapi::command_type && (number.size == 32 || number.size == 16);
    int score = 0;
    if (is_uring_cmd(opcode)) score += 16;
    if ((control || io) && encoded) score += 30;
    else if ((control || io) && command <= 0xff) score += 20;
    else if (!is_uring_cmd(opcode)) return 0;
    if (opcode >= 80) score -= 12;
    const auto fd = load<std::int32_t>(b, 4);
    score += fd >= -1 && fd < (1 << 20) ? 10 : -20;
    if (load<std::uint32_t>(b, 12) == 0) score += 6;
    if (b[1] < 0x80) score += 1;
    score += is_address(load<std::uint64_t>(b, 16)) ? 6 : -6;
    return score;
}

int header_score(bytes_view b) {
    if (b.size() != 32 && b.size() != 80) return 0;
    if (!looks_like_header(b)) return 0;
    int score = 28;
    if (load<std::uint16_t>(b, 4) == uapi::queue_id_none) score += 16;
    if (b.size() == 80) score += all_zero(b.subspan(32)) ? 10 : -40;
    return score;
}

int info_score(bytes_view b) {
    if (b.size() != 64) return 0;
    const auto i = load<uapi::ctrl_dev_info>(b, 0);
    if (!is_id(i.dev_id) || i.state > 3 || i.nr_hw_queues > 5000 || i.queue_depth > 5000) return 0;
    if (i.nr_hw_queues == 0 && i.queue_depth == 0) return 0;
    int score = 24;
    if (i.pad1 == 0) score += 8;
    if (i.reserved1 == 0 && i.reserved2 == 0) score += 16;
    if ((i.flags >> 32) == 0) score += 8;
    if (i.max_io_buf_bytes % 512 == 0) score += 6;
    return score;
}

int params_score(bytes_view b) {
    const auto len = load<std::uint32_t>(b, 0), types = load<std::uint32_t>(b, 4);
    if (b.size() < 40 || len < 8 || len > 256 || types == 0 || types > 0xff) return 0;
    if (len != b.size() && !(b.size() == sizeof(uapi::params) && len <= b.size())) return 0;
    int score = 36;
    for (std::size_t i = 12; i < 16; ++i) score += b[i] >= 8 && b[i] < 32 ? 4 : 0;
    return score;
}

int io_score(bytes_view b) {
    if (b.size() != 16) return 0;
    const auto c = load<uapi::io_cmd>(b, 0);
    if (all_zero(b) || c.q_id >= 256 || c.tag >= 4096 || !is_address(c.addr)) return 0;
    const bool sane = c.result > -134 && c.result <= (1 << 26);
    return sane ? 12 + 6 + 12 + (c.result % 512 == 0 ? 8 : 0) : 0;
}

int batch_score(bytes_view b) {
    if (b.size() != 16) return 0;
    const auto c = load<uapi::batch_io>(b, 0);
    const bool size = c.elem_bytes == uapi::batch_elem_bytes(c.flags) || c.elem_bytes == 2;
    if (c.q_id >= 256 || c.flags > 7 || c.nr_elem > 4096 || !size) return 0;
    return c.reserved == 0 && c.reserved2 == 0 ? 50 : 0;
}

int descriptor_score(bytes_view b) {
    if (b.size() != 24) return 0;
    const auto d = load<uapi::io_desc>(b, 0);
    const auto op = static_cast<std::uint8_t>(d.op_flags);
    constexpr std::uint8_t ops[] = {0, 1, 2, 3, 5, 10, 11, 12, 13, 14, 15, 18};
    if (all_zero(b) || std::ranges::find(ops, op) == std::end(ops)) return 0;
    if ((d.op_flags >> 20) != 0 || d.nr_sectors > (1u << 23)) return 0;
    if ((d.start_sector >> 48) != 0 || !is_address(d.addr)) return 0;
    return 40;
}

int buffer_score(bytes_view b) {
    if (b.size() != 24) return 0;
    const auto r = load<uapi::shmem_buf_reg>(b, 0);
    const bool aligned = r.addr % 4096 == 0 && r.len % 4096 == 0;
    if (r.addr == 0 || r.len == 0 || !aligned || !is_address(r.addr)) return 0;
    return r.flags <= 1 && r.reserved == 0 && r.len <= uapi::shmem_buf_bytes_max ? 60 : 0;
}

int score(shape s, bytes_view b) {
    switch (s) {
        case shape::entry: return entry_score(b);
        case shape::header: return header_score(b);
        case shape::info: return info_score(b);
        case shape::params: return params_score(b);
        case shape::io: return io_score(b);
        case shape::descriptor: return descriptor_score(b);
        case shape::batch: return batch_score(b);
        case shape::buffer: return buffer_score(b);
    }
    return 0;
}

// Less than that many fitting bits may be chance.
constexpr int enough = 26;

}  // namespace

std::string_view name(shape s) { return names[static_cast<std::size_t>(s)]; }

std::optional<shape> shape_named(std::string_view wanted) {
    for (shape s : all_shapes) {
        if (name(s) == wanted) return s;
    }
    return std::nullopt;
}

std::optional<shape> shape_of(bytes_view bytes) {
    std::optional<shape> best;
    int most = enough - 1;
    for (shape s : all_shapes) {
        const int n = score(s, bytes);
        if (n > most) {
            most = n;
            best = s;
        }
    }
    return best;
}

bool looks_like_header(bytes_view b) {
    if (b.size() < 32 || all_zero(b.first(32))) return false;
    const auto c = load<uapi::ctrl_cmd>(b, 0);
    const bool queue = c.queue_id == uapi::queue_id_none || c.queue_id == 0;
    return is_id(c.dev_id) && queue && c.len <= 4096 + 256 && is_address(c.addr) &&
           (c.len == 0 || c.addr != 0) && c.dev_path_len <= uapi::dev_path_bytes_max &&
           c.pad == 0 && c.reserved == 0 &&
           (c.queue_id == uapi::queue_id_none || c.len != 0 || c.data[0] != 0);
}

std::optional<std::size_t> misplaced_header(bytes_view entry) {
    if (entry.size() < 128) return std::nullopt;
    // Elsewhere only what can't be anything else.
    auto is_there = [&](std::size_t at) {
        const bytes_view b = entry.subspan(at);
        return looks_like_header(b) && load<std::uint16_t>(b, 4) == uapi::queue_id_none;
    };
    if (looks_like_header(entry.subspan(48))) return std::nullopt;
    for (std::size_t at = 16; at + 32 <= entry.size(); at += 4) {
        if (at != 48 && is_there(at)) return at;
    }
    return std::nullopt;
}

}  // namespace ashlar::explain
