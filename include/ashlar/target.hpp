// SPDX-License-Identifier: MIT
// What a target is: any type that answers requests on a range of bytes. What it has, its device can
// do. `at` and lengths are in bytes and in range; both are multiples of the logical block.
//
//     std::uint64_t size() const;                                       needed
//     R read(std::uint64_t at, std::span<std::byte> out);               needed: fills all of out
//     R write(std::uint64_t at, std::span<const std::byte> in);         else: read-only device
//     R flush();                                                        with a durability
//     R discard(std::uint64_t at, std::uint64_t length);                else: not announced
//     R write_zeroes(std::uint64_t at, std::uint64_t length);           else: not announced
//     ashlar::geometry geometry() const;                                else: the defaults
//     static constexpr auto durability = ashlar::durability::...;       or a const function
//     static constexpr auto fence = ashlar::fence::...;                 else: none
//     static constexpr bool passes_data = true;                         or a const function
//
// A target that passes data is one whose asynchronous read and write leave r.data() alone and use
// r.read_from(fd, at) and r.write_to(fd, at): the data need not come into this process then.
//
// Either of read and write may take an ashlar::data_out& or ashlar::data_in& instead of its span:
// for targets whose data is in memory, see transfer.hpp.
//
// R is void, std::error_code or ashlar::result<>; an exception is an I/O error, too. Each handler
// may be asynchronous instead: it takes ashlar::request& alone and returns ashlar::task<R>.
//
// Threads: each queue of a device has its own thread and all of them call the same object. With the
// default of one queue a target needs no lock.
#pragma once

#include <ashlar/error.hpp>
#include <ashlar/request.hpp>
#include <ashlar/task.hpp>
#include <ashlar/transfer.hpp>

#include <cerrno>
#include <concepts>
#include <cstdint>
#include <memory>
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

// What the rest of ashlar sees of a target: its answers, and one function that starts a request.
struct target_table {
    bool can_write, can_flush, can_discard, can_write_zeroes;
    bool asynchronous;  // has at least one asynchronous handler
    bool streams;       // its read and write take data_out and data_in
    bool (*passes_data)(const void* target);
    std::uint64_t (*size)(const void* target);
    ashlar::geometry (*geometry)(const void* target);
    ashlar::durability (*durability)(const void* target);
    ashlar::fence fence;
    // Answers now, or later from the queue's thread; never throws.
    void (*start)(void* target, request& r) noexcept;
};

namespace detail {

inline std::error_code outcome(std::error_code code) { return code; }
inline std::error_code outcome(const result<>& r) {
    if (r) return {};
    return io_error(r.error().code != 0 ? r.error().code : EIO);
}

// The end of an asynchronous handler: its frame is done, its outcome goes to the queue.
template <class R>
void task_ended(void* context) noexcept {
    auto& r = *static_cast<request*>(context);
    std::coroutine_handle<> kept = request_answer::take_frame(r);
    auto frame = std::coroutine_handle<promise<R>>::from_address(kept.address());
    std::error_code failed;
    std::exception_ptr thrown = frame.promise().exception;
    if constexpr (!std::is_void_v<R>) {
        if (!thrown) failed = outcome(*frame.promise().value);
    }
    frame.destroy();
    if (thrown) {
        request_answer::give_exception(r, std::move(thrown));
    } else {
        request_answer::give(r, failed);
    }
}

template <class R>
void start_task(request& r, task<R> handler) {
    auto frame = handler.release();
    frame.promise().ended = &task_ended<R>;
    frame.promise().context = &r;
    request_answer::keep_frame(r, frame);
    frame.resume();
}

// Runs one handler, of either form, and answers with its outcome.
template <class F>
void run_handler(request& r, F&& handler) {
    using R = std::invoke_result_t<F>;
    if constexpr (is_task<R>) {
        start_task(r, handler());
    } else if constexpr (std::is_void_v<R>) {
        handler();
        request_answer::give(r, {});
    } else {
        request_answer::give(r, outcome(handler()));
    }
}

// The same for a handler that takes the data in pieces.
template <class Data, class F>
void run_streamed(request& r, F&& handler) {
    using R = std::invoke_result_t<F, Data&>;
    Data data(r);
    std::error_code failed;
    if constexpr (std::is_void_v<R>) {
        handler(data);
    } else {
        failed = outcome(handler(data));
    }
    const std::error_code cut = failed ? std::error_code() : data.end();
    request_answer::give(r, failed ? failed : cut);
}

template <class T>
void start_request(void* object, request& r) noexcept {
    T& t = *static_cast<T*>(object);
    try {
        switch (r.op()) {
            case operation::read:
                if constexpr (asynchronous_read<T>) {
                    return run_handler(r, [&] { return t.read(r); });
                } else if constexpr (streamed_read<T>) {
                    return run_streamed<data_out>(
                        r, [&](data_out& out) { return t.read(r.offset(), out); });
                } else {
                    return run_handler(r, [&] { return t.read(r.offset(), r.data()); });
                }
            case operation::write:
                if constexpr (asynchronous_write<T>) {
                    return run_handler(r, [&] { return t.write(r); });
                } else if constexpr (streamed_write<T>) {
                    return run_streamed<data_in>(
                        r, [&](data_in& in) { return t.write(r.offset(), in); });
                } else if constexpr (can_write<T>) {
                    return run_handler(r, [&] {
                        return t.write(r.offset(), std::span<const std::byte>(r.data()));
                    });
                }
                break;
            case operation::flush:
                if constexpr (asynchronous_flush<T>) {
                    return run_handler(r, [&] { return t.flush(r); });
                } else if constexpr (can_flush<T>) {
                    return run_handler(r, [&] { return t.flush(); });
                } else {
                    return request_answer::give(r, {});
                }
            case operation::discard:
                if constexpr (asynchronous_discard<T>) {
                    return run_handler(r, [&] { return t.discard(r); });
                } else if constexpr (can_discard<T>) {
                    return run_handler(r, [&] { return t.discard(r.offset(), r.length()); });
                }
                break;
            case operation::write_zeroes:
                if constexpr (asynchronous_write_zeroes<T>) {
                    return run_handler(r, [&] { return t.write_zeroes(r); });
                } else if constexpr (can_write_zeroes<T>) {
                    return run_handler(r, [&] { return t.write_zeroes(r.offset(), r.length()); });
                }
                break;
        }
        request_answer::give(r, io_error(EOPNOTSUPP));
    } catch (...) {
        request_answer::give_exception(r, std::current_exception());
    }
}

template <class T>
ashlar::durability durability_of(const void* object) {
    if constexpr (tells_durability<T>) {
        return static_cast<const T*>(object)->durability();
    } else if constexpr (says_durability<T>) {
        return T::durability;
    } else {
        return ashlar::durability::none;
    }
}

template <class T>
constexpr ashlar::fence fence_of() {
    if constexpr (says_fence<T>) {
        return T::fence;
    } else {
        return ashlar::fence::none;
    }
}

template <class T>
ashlar::geometry geometry_of(const void* object) {
    if constexpr (has_geometry<T>) {
        return static_cast<const T*>(object)->geometry();
    } else {
        return {};
    }
}

template <class T>
std::uint64_t size_of(const void* object) {
    return static_cast<std::uint64_t>(static_cast<const T*>(object)->size());
}

template <class T>
constexpr bool claims_volatile_cache() {
    if constexpr (says_durability<T> && !tells_durability<T>) {
        return T::durability == ashlar::durability::volatile_cache;
    } else {
        return false;
    }
}

template <class T>
bool passes_data_of(const void* object) {
    if constexpr (tells_passes_data<T>) {
        return static_cast<const T*>(object)->passes_data();
    } else if constexpr (says_passes_data<T>) {
        return T::passes_data;
    } else {
        return false;
    }
}

template <class T>
constexpr bool may_pass_data() {
    if constexpr (says_passes_data<T>) {
        return T::passes_data;
    } else {
        return tells_passes_data<T>;
    }
}

template <target_type T>
inline constexpr target_table table_of = {
    .can_write = can_write<T>,
    .can_flush = can_flush<T>,
    .can_discard = can_discard<T>,
    .can_write_zeroes = can_write_zeroes<T>,
    .asynchronous = asynchronous_read<T> || asynchronous_write<T> || asynchronous_flush<T> ||
                    asynchronous_discard<T> || asynchronous_write_zeroes<T>,
    .streams = streamed_read<T> && (streamed_write<T> || !can_write<T>),
    .passes_data = &passes_data_of<T>,
    .size = &size_of<T>,
    .geometry = &geometry_of<T>,
    .durability = &durability_of<T>,
    .fence = fence_of<T>(),
    .start = &start_request<T>,
};

}  // namespace detail

// A target of any type, owned.
class target {
public:
    template <class T>
        requires(!std::same_as<std::remove_cvref_t<T>, target>)
    explicit target(T&& object)
        : target(std::make_shared<std::remove_cvref_t<T>>(std::forward<T>(object))) {}

    template <target_type T>
    explicit target(std::shared_ptr<T> object)
        : object_(std::move(object)), table_(&detail::table_of<T>) {
        static_assert(!detail::can_flush<T> || detail::says_durability<T> ||
                          detail::tells_durability<T>,
                      "a target with a flush says what its durability is: static constexpr auto "
                      "durability = ashlar::durability::volatile_cache (or write_through)");
        static_assert(!detail::may_pass_data<T>() ||
                          (detail::asynchronous_read<T> &&
                           (detail::asynchronous_write<T> || !detail::can_write<T>)),
                      "only asynchronous read and write handlers can pass data to a descriptor");
        static_assert(!detail::claims_volatile_cache<T>() || detail::can_flush<T>,
                      "a target with a volatile cache needs a flush");
    }

    [[nodiscard]] const target_table& table() const noexcept { return *table_; }
    [[nodiscard]] void* object() const noexcept { return object_.get(); }

    [[nodiscard]] std::uint64_t size() const { return table_->size(object()); }
    [[nodiscard]] ashlar::geometry geometry() const { return table_->geometry(object()); }
    [[nodiscard]] ashlar::durability durability() const { return table_->durability(object()); }
    [[nodiscard]] bool passes_data() const { return table_->passes_data(object()); }
    void start(request& r) const noexcept { table_->start(object(), r); }

private:
    std::shared_ptr<void> object_;
    const target_table* table_;
};

}  // namespace ashlar
