// SPDX-License-Identifier: MIT
#include "device/plan.hpp"

#include "base/try.hpp"

#include <ashlar/size.hpp>

#include <fmt/format.h>

#include <bit>
#include <limits>

namespace ashlar::device_room {

namespace {

error wrong(std::string what, std::string value, std::string why, std::string remedy) {
    return {.operation = std::move(what),
            .object = std::move(value),
            .why = std::move(why),
            .remedy = std::move(remedy),
            .usage = true};
}

constexpr std::uint32_t block_min = 512;
constexpr std::uint32_t max_io_min = 4096;
// A larger device than this has positions that no off_t can name.
constexpr std::uint64_t size_max = std::numeric_limits<std::int64_t>::max() / 512 * 512;
// Kernels before 6.11 count the bytes of a discard or write-zeroes in 32 bits.
constexpr std::uint32_t long_request_sectors = 0xffffffffU >> 9;

result<> check_block(std::uint32_t block, std::size_t page_bytes) {
    if (block < block_min || block > page_bytes || !std::has_single_bit(block)) {
        return failure(wrong(
            "block size", std::to_string(block),
            fmt::format("a block is a power of two from {} to {} bytes", block_min, page_bytes),
            "use 512, 1024, 2048 or 4096"));
    }
    return {};
}

result<> check_range(std::string what, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
    if (value >= low && value <= high) return {};
    return failure(wrong(std::move(what), std::to_string(value),
                         fmt::format("it is out of range ({} to {})", low, high),
                         fmt::format("use a number from {} to {}", low, high)));
}

result<> check_max_io(std::uint32_t bytes, std::size_t page_bytes) {
    ASHLAR_CHECK(check_range("largest request", bytes, max_io_min, uapi::io_buf_bytes_max));
    if (bytes % page_bytes != 0) {
        return failure(wrong("largest request", fmt::format("{} bytes", bytes),
                             fmt::format("it is not a multiple of a page, {} bytes", page_bytes),
                             "use 64K, 512K, 1M"));
    }
    return {};
}

// A name becomes a file name below /dev/ashlar and a word in udev's rules.
result<> check_name(const std::string& name) {
    constexpr std::string_view allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+";
    const bool good = name.size() <= 64 && !name.starts_with('.') && !name.starts_with('-') &&
                      name.find_first_not_of(allowed) == std::string::npos;
    if (good) return {};
    return failure(
        wrong("name", fmt::format("'{}'", name),
              "a name has up to 64 letters, digits, and . _ - +, and no dot or dash in front",
              "choose another name"));
}

std::uint8_t shift_of(std::uint32_t bytes) {
    return bytes == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(std::countr_zero(bytes));
}

result<> check_power(const char* what, std::uint32_t bytes, std::uint32_t block) {
    if (bytes == 0 || (std::has_single_bit(bytes) && bytes >= block && bytes <= 1U << 28))
        return {};
    return failure(wrong(what, std::to_string(bytes),
                         "it must be a power of two, not smaller than a block, at most 256 MiB",
                         "correct the target's geometry"));
}

std::uint32_t attributes(const plan& p, const geometry& g, durability d) {
    std::uint32_t attrs = 0;
    if (p.read_only) attrs |= uapi::attr_read_only;
    if (g.rotational) attrs |= uapi::attr_rotational;
    if (d == durability::volatile_cache) attrs |= uapi::attr_volatile_cache | uapi::attr_fua;
    return attrs;
}

std::uint64_t recovery_flags(recovery wanted) {
    switch (wanted) {
        case recovery::none: break;
        case recovery::wait: return uapi::f_user_recovery;
        case recovery::reissue: return uapi::f_user_recovery | uapi::f_user_recovery_reissue;
        case recovery::fail: return uapi::f_user_recovery | uapi::f_user_recovery_fail_io;
    }
    return 0;
}

}  // namespace

result<> check_size(std::uint64_t size, std::uint32_t block) {
    if (size == 0) {
        return failure(wrong("size", "0", "a device can't be empty", "give it a size: --size 1G"));
    }
    if (size > size_max) {
        return failure(wrong("size", std::to_string(size),
                             "the largest device has 8 EiB less a sector", "use a smaller size"));
    }
    if (size % block != 0) {
        return failure(wrong(
            "size", fmt::format("{} bytes", size),
            fmt::format("it is not a multiple of the block size, {} bytes", block),
            fmt::format("use {} or {} bytes", size / block * block, size / block * block + block)));
    }
    return {};
}

result<> check_fence(const options& wanted, const target& served) {
    if (wanted.unfenced || served.table().fence != fence::none) return {};
    return failure(wrong("recovery", "reissue",
                         "nothing keeps a dead server's writes from landing behind its successor's",
                         "give the target a fence (ashlar::fence) or the mode wait; or allow it: "
                         "options::unfenced, --unfenced"));
}

result<plan> make_plan(const options& wanted, const target& served, std::size_t page_bytes,
                       std::uint64_t cookie) {
    const target_table& can = served.table();
    const geometry g = served.geometry();
    const durability d = served.durability();
    std::uint32_t block = wanted.block_size != 0 ? wanted.block_size : g.logical_block;
    if (block == 0) block = block_min;

    if (wanted.recovery == recovery::reissue) ASHLAR_CHECK(check_fence(wanted, served));

    plan p;
    p.size = served.size();
    p.read_only = wanted.read_only || !can.can_write;
    p.flush_after_fua = d == durability::volatile_cache;
    ASHLAR_CHECK(check_block(block, page_bytes));
    ASHLAR_CHECK(check_size(p.size, block));
    ASHLAR_CHECK(check_range("queues", wanted.queues, 1, uapi::queues_max));
    ASHLAR_CHECK(check_range("depth", wanted.depth, 1, uapi::queue_depth_max));
    ASHLAR_CHECK(check_max_io(wanted.max_io, page_bytes));
    ASHLAR_CHECK(check_name(wanted.name));
    if (wanted.id) ASHLAR_CHECK(check_range("id", *wanted.id, 0, uapi::device_id_max));
    std::uint32_t physical = g.physical_block != 0 ? std::max(g.physical_block, block) : block;
    ASHLAR_CHECK(check_power("physical block", physical, block));
    ASHLAR_CHECK(check_power("io_min", g.io_min, block));
    ASHLAR_CHECK(check_power("io_opt", g.io_opt, block));
    if (d == durability::volatile_cache && !can.can_flush) {
        return failure(wrong("durability", "volatile cache", "the target has no flush",
                             "give it a flush, or another durability"));
    }

    p.info.nr_hw_queues = static_cast<std::uint16_t>(wanted.queues);
    p.info.queue_depth = static_cast<std::uint16_t>(wanted.depth);
    p.info.max_io_buf_bytes = wanted.max_io;
    p.info.dev_id = wanted.id.value_or(uapi::device_id_auto);
    p.info.ublksrv_pid = -1;
    p.info.flags = recovery_flags(wanted.recovery);
    p.info.ublksrv_flags = cookie;

    p.params.len = sizeof p.params;
    p.params.types = uapi::param_type_basic;
    p.params.basic = {.attrs = attributes(p, g, d),
                      .logical_bs_shift = shift_of(block),
                      .physical_bs_shift = shift_of(physical),
                      .io_opt_shift = shift_of(g.io_opt),
                      .io_min_shift = shift_of(g.io_min != 0 ? g.io_min : physical),
                      .max_sectors = wanted.max_io / uapi::sector_bytes,
                      .dev_sectors = p.size / uapi::sector_bytes};
    if (!p.read_only && (can.can_discard || can.can_write_zeroes)) {
        const std::uint32_t granularity = std::max(g.discard_granularity, block);
        const std::uint32_t most = long_request_sectors / (granularity / uapi::sector_bytes) *
                                   (granularity / uapi::sector_bytes);
        p.params.types |= uapi::param_type_discard;
        p.params.discard = {.discard_granularity = granularity,
                            .max_discard_sectors = can.can_discard ? most : 0,
                            .max_write_zeroes_sectors = can.can_write_zeroes ? most : 0,
                            .max_discard_segments = 1};
    }
    return p;
}

}  // namespace ashlar::device_room
