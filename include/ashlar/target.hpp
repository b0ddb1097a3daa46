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
//     R resize(std::uint64_t bytes);                                    else: one size for ever
//     std::uint64_t size_now() const;                                   else: as it was made
//     ashlar::geometry geometry() const;                                else: the defaults
//     static constexpr auto durability = ashlar::durability::...;       or a const function
//     static constexpr auto fence = ashlar::fence::...;                 else: none
//     static constexpr bool passes_data = true;                         or a const function
//
// A target that passes data is one whose asynchronous read and write leave r.data() alone and use
// r.read_from(fd, at) and r.write_to(fd, at): the data need not come into this process then.
//
// Either of read and write may take an ashlar::data_out& or ashlar::data_in& instead of its span:
// for targets whose data is in memory, see transfer.hpp. If both do, there may be a
//
//     std::span<std::byte> place(std::uint64_t at, std::uint64_t length);
//
// which says where in memory the data of a write may be put before `write` is called with it: all
// of it, or nothing (an empty span) if there is no such place now. What is put there belongs to the
// disk from `write` on, which finds it there (data_in::lies_at). That memory lasts as long as the
// target, or until its `resize`.
//
// `resize` is called while no handler runs and no request is with the target; `size` gives the new
// size afterwards. What it refuses does not happen. `size_now` is for targets over something that
// may change beneath them: the size that the target could have (see device::size_now); it may be an
// ashlar::result.
//
// R is void, std::error_code or ashlar::result<>; an exception is an I/O error, too. Each handler
// may be asynchronous instead: it takes ashlar::request& alone and returns ashlar::task<R>.
//
// Threads: each queue of a device has its own thread and all of them call the same object. With the
// default of one queue, and one thread for it, a target needs no lock.
#pragma once

#include <ashlar/abilities.hpp>
#include <ashlar/error.hpp>
#include <ashlar/request.hpp>
#include <ashlar/task.hpp>
#include <ashlar/transfer.hpp>

#include <cerrno>
#include <concepts>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

namespace ashlar {

// What the rest of ashlar sees of a target: its answers, and one function that starts a request.
struct target_table {
    bool can_write, can_flush, can_discard, can_write_zeroes;
    bool can_resize, has_size_now;
    bool asynchronous;  // has at least one asynchronous handler
    bool streams;       // its read and write take data_out and data_in
    bool (*passes_data)(const void* target);
    std::uint64_t (*size)(const void* target);
    ashlar::geometry (*geometry)(const void* target);
    ashlar::durability (*durability)(const void* target);
    // Null if the target has none; never throws.
    std::span<std::byte> (*place)(void* target, std::uint64_t at, std::uint64_t length) noexcept;
    // EOPNOTSUPP of a target that has one size; never throws.
    result<> (*resize)(void* target, std::uint64_t bytes) noexcept;
    result<std::uint64_t> (*size_now)(const void* target);
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

inline result<> as_result(std::error_code failed) {
    if (!failed) return {};
    return failure({.operation = "resize the target", .code = failed.value()});
}
inline result<> as_result(result<> outcome) { return outcome; }

template <class T>
result<> resize_target([[maybe_unused]] void* object,
                       [[maybe_unused]] std::uint64_t bytes) noexcept {
    int thrown = EOPNOTSUPP;
    if constexpr (can_resize<T>) {
        try {
            T& t = *static_cast<T*>(object);
            if constexpr (std::is_void_v<decltype(t.resize(bytes))>) {
                t.resize(bytes);
                return {};
            } else {
                return as_result(t.resize(bytes));
            }
        } catch (const std::bad_alloc&) {
            thrown = ENOMEM;
        } catch (...) {
            thrown = EIO;
        }
    }
    return as_result(io_error(thrown));
}

template <class T>
result<std::uint64_t> size_now_of(const void* object) {
    if constexpr (has_size_now<T>) {
        return static_cast<const T*>(object)->size_now();
    } else {
        return size_of<T>(object);
    }
}

template <class T>
std::span<std::byte> place_in(void* object, std::uint64_t at, std::uint64_t length) noexcept {
    try {
        const std::span<std::byte> there = static_cast<T*>(object)->place(at, length);
        return there.size() < length ? std::span<std::byte>() : there.first(length);
    } catch (...) {
        return {};
    }
}

template <class T>
constexpr auto place_of() -> decltype(target_table::place) {
    if constexpr (has_place<T>) {
        return &place_in<T>;
    } else {
        return nullptr;
    }
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
    .can_resize = can_resize<T>,
    .has_size_now = has_size_now<T>,
    .asynchronous = asynchronous_read<T> || asynchronous_write<T> || asynchronous_flush<T> ||
                    asynchronous_discard<T> || asynchronous_write_zeroes<T>,
    .streams = streamed_read<T> && (streamed_write<T> || !can_write<T>),
    .passes_data = &passes_data_of<T>,
    .size = &size_of<T>,
    .geometry = &geometry_of<T>,
    .durability = &durability_of<T>,
    .place = place_of<T>(),
    .resize = &resize_target<T>,
    .size_now = &size_now_of<T>,
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
        static_assert(!detail::has_place<T> ||
                          (detail::streamed_read<T> && detail::streamed_write<T>),
                      "a target with a place has a read that takes data_out and a write that takes "
                      "data_in");
        static_assert(!detail::claims_volatile_cache<T>() || detail::can_flush<T>,
                      "a target with a volatile cache needs a flush");
    }

    [[nodiscard]] const target_table& table() const noexcept { return *table_; }
    [[nodiscard]] void* object() const noexcept { return object_.get(); }

    [[nodiscard]] std::uint64_t size() const { return table_->size(object()); }
    [[nodiscard]] ashlar::geometry geometry() const { return table_->geometry(object()); }
    [[nodiscard]] ashlar::durability durability() const { return table_->durability(object()); }
    [[nodiscard]] bool passes_data() const { return table_->passes_data(object()); }
    result<> resize(std::uint64_t bytes) const { return table_->resize(object(), bytes); }
    [[nodiscard]] result<std::uint64_t> size_now() const { return table_->size_now(object()); }
    void start(request& r) const noexcept { table_->start(object(), r); }

private:
    std::shared_ptr<void> object_;
    const target_table* table_;
};

}  // namespace ashlar
