// SPDX-License-Identifier: MIT
// What a type may have that is a target (see target.hpp), and what it may say of itself.
#pragma once

#include <ashlar/error.hpp>
#include <ashlar/request.hpp>
#include <ashlar/task.hpp>
#include <ashlar/transfer.hpp>

#include <concepts>
#include <cstdint>
#include <span>
#include <type_traits>

namespace ashlar {

// What a completed write is worth. The core turns it into the attributes of the device and asks for
// flushes accordingly; a write with FUA is followed by a flush where there is a volatile cache.
enum class durability : std::uint8_t {
    none,            // nothing outlives the target (a RAM disk): there is nothing to flush
    write_through,   // a completed write is on stable storage
    volatile_cache,  // only a flush puts completed writes on stable storage
};

// What keeps the writes of a dead server from landing later, behind those of its successor. Without
// a fence the requests that it had are not made again (ashlar::recovery::reissue).
enum class fence : std::uint8_t {
    none,     // nobody knows when they land, as on a remote machine
    process,  // they end with the process: memory, plain system calls
    release   // they are I/O on the queue's ring, which ends before the kernel lets go of ublkcN,
              // or making the target again waits for them
};

// In bytes; 0 leaves the choice to ashlar. Blocks are powers of two.
struct geometry {
    std::uint32_t logical_block = 0;   // 512 to 4096; default 512
    std::uint32_t physical_block = 0;  // default: the logical block
    std::uint32_t io_min = 0;
    std::uint32_t io_opt = 0;
    std::uint32_t discard_granularity = 0;  // default: the logical block
    bool rotational = false;
};

namespace detail {

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;

template <class T>
concept asynchronous_read = requires(T t, request& r) { requires is_task<decltype(t.read(r))>; };
template <class T>
concept asynchronous_write = requires(T t, request& r) { requires is_task<decltype(t.write(r))>; };
template <class T>
concept asynchronous_flush = requires(T t, request& r) { requires is_task<decltype(t.flush(r))>; };
template <class T>
concept asynchronous_discard =
    requires(T t, request& r) { requires is_task<decltype(t.discard(r))>; };
template <class T>
concept asynchronous_write_zeroes =
    requires(T t, request& r) { requires is_task<decltype(t.write_zeroes(r))>; };

template <class T>
concept streamed_read = requires(T t, std::uint64_t n, data_out& out) { t.read(n, out); };
template <class T>
concept streamed_write = requires(T t, std::uint64_t n, data_in& in) { t.write(n, in); };

template <class T>
concept has_place = requires(T t, std::uint64_t n) {
    { t.place(n, n) } -> std::convertible_to<std::span<std::byte>>;
};

template <class T>
concept can_read = asynchronous_read<T> || streamed_read<T> ||
                   requires(T t, std::uint64_t n, std::span<std::byte> out) { t.read(n, out); };
template <class T>
concept can_write =
    asynchronous_write<T> || streamed_write<T> ||
    requires(T t, std::uint64_t n, std::span<const std::byte> in) { t.write(n, in); };
template <class T>
concept can_flush = asynchronous_flush<T> || requires(T t) { t.flush(); };
template <class T>
concept can_discard =
    asynchronous_discard<T> || requires(T t, std::uint64_t n) { t.discard(n, n); };
template <class T>
concept can_write_zeroes =
    asynchronous_write_zeroes<T> || requires(T t, std::uint64_t n) { t.write_zeroes(n, n); };
template <class T>
concept can_resize = requires(T t, std::uint64_t n) { t.resize(n); };
template <class T>
concept has_size_now = requires(const T t) {
    { t.size_now() } -> std::convertible_to<result<std::uint64_t>>;
};
template <class T>
concept has_geometry = requires(const T t) {
    { t.geometry() } -> std::convertible_to<ashlar::geometry>;
};
template <class T>
concept says_durability = requires { T::durability; };
template <class T>
concept says_fence = requires { T::fence; };
template <class T>
concept tells_durability = requires(const T t) {
    { t.durability() } -> std::same_as<ashlar::durability>;
};
template <class T>
concept says_passes_data = requires {
    { T::passes_data } -> std::convertible_to<bool>;
};
template <class T>
concept tells_passes_data = requires(const T t) {
    { t.passes_data() } -> std::same_as<bool>;
};

}  // namespace detail

template <class T>
concept target_type = requires(const T t) {
    { t.size() } -> std::convertible_to<std::uint64_t>;
} && detail::can_read<T>;

}  // namespace ashlar
