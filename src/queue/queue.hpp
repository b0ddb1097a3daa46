// SPDX-License-Identifier: MIT
// The data plane: one queue of a device. It fetches requests, hands them to the target, and commits
// the answers. One thread, one ring, no lock; nothing is allocated after `open` on the way of a
// request that succeeds.
//
// A queue is stepped: `turn` publishes everything that was prepared, waits for completions with the
// same system call, and handles all of them. In production a thread turns it until it is over.
//
// All functions but `wake_to_end` and `wake_to_heed` belong to the thread that opened the queue.
#pragma once

#include "os/ring.hpp"
#include "queue/batch.hpp"
#include "queue/buffers.hpp"
#include "queue/counters.hpp"
#include "queue/frames.hpp"
#include "queue/shared_regions.hpp"
#include "queue/user_copy.hpp"
#include "uapi/ublk.hpp"

#include <ashlar/serve.hpp>
#include <ashlar/target.hpp>

#include <memory>
#include <optional>
#include <vector>

namespace ashlar::queue {

struct queue_spec {
    os::machine* machine;
    int char_fd;                   // ublkcN, open for reading and writing
    std::uint32_t device;          // its id, for messages
    std::uint16_t id;              // of the queue
    std::uint16_t depth;           // as the kernel answered ADD_DEV
    std::uint32_t max_io;          // bytes of the largest request
    std::uint64_t size;            // bytes of the device
    ashlar::lane lane;             // of the device, and not automatic
    bool registers;                // a request's data may be registered by command
    bool in_batches;               // so its requests are delivered
    bool flush_after_fua;          // a volatile cache without FUA of its own
    bool raw_commands;             // Linux before 6.4
    int wakeup_fd;                 // see os::machine::wakeup_open
    const shared_regions* shared;  // what clients share with the server
};

class queue final : private ring_io {
public:
    static result<std::unique_ptr<queue>> open(const queue_spec& spec, target served, counters& c);
    ~queue();

    // Gives all tags to the kernel. A refusal of even one is an error.
    result<> fetch_all();
    // One turn; blocks until something has happened. False when the queue is over: the device was
    // stopped or quiesced and all tags came back, or `wake_to_end` was called.
    bool turn();

    // From any thread: makes `turn` return false once all requests that the target has are
    // answered, whatever the kernel still has. A second call does not wait for the target either.
    static void wake_to_end(os::machine& m, int wakeup_fd) { m.wakeup_signal(wakeup_fd, 1); }

    // From any thread: makes `turn` return, with `has_word` true from then on until `go_on`.
    static void wake_to_heed(os::machine& m, int wakeup_fd) {
        m.wakeup_signal(wakeup_fd, heed_unit);
    }
    [[nodiscard]] bool has_word() const { return word_; }
    // Requests that come are kept back from now on. True once the target has none, and all that it
    // has answered is on its way.
    bool hold();
    // The target gets them; the device has this many bytes now.
    void go_on(std::uint64_t size);

private:
    struct slot;
    friend struct ashlar::detail::request_answer;

    // How a handler gets at a request's data.
    enum class access : std::uint8_t {
        buffer,      // the kernel has copied it to the tag's buffer, or will copy it from there
        own_buffer,  // we copy to and from that buffer
        direct,      // the handler copies itself (data_out, data_in)
        in_place,    // the kernel copies to and from the target's memory where that has a place
        registered   // not at all: it is in the ring's table of buffers, at the tag
    };

    // What a wake-up reads: ends in its lower half, words above.
    static constexpr std::uint64_t heed_unit = std::uint64_t{1} << 32;

    static access access_of(lane way, const target& t);
    queue(const queue_spec& spec, target served, counters& c);
    result<> set_up();
    result<> set_up_ring();
    result<> set_up_lane();
    [[nodiscard]] std::uint64_t buffer_address(const slot& s) const;
    [[nodiscard]] std::uint64_t answer_address(const slot& s) const;

    void command(slot& s, uapi::io_op op, std::int32_t outcome, std::uint64_t address);
    result<> fetch_by_tag();
    result<> fetch_in_batches();
    result<> submit_all();
    io_uring_sqe* batch_entry(std::uint64_t user_data);
    void fetch_batch();
    bool send_answers();
    void batch_arrived(int outcome, unsigned flags);
    void batch_committed(int outcome);
    void answer_again(slot& s, int refusal);
    void completed(std::uint64_t user_data, int outcome, unsigned flags);
    void tag_completed(slot& s, int outcome);
    void arrived(slot& s);
    void count_arrival(slot& s);
    void data_wanted(slot& s);
    void give_place(slot& s);
    void data_refused(slot& s, int refusal);
    void begin(slot& s);
    bool register_data(slot& s);
    void unregister_data(slot& s);
    bool goes_by_buffer(slot& s, std::error_code failed);
    void start(slot& s);
    void woken(int outcome);
    [[nodiscard]] std::span<std::byte> data_of(const slot& s, const uapi::io_desc& d, operation op,
                                               access way) const;
    void refuse(slot& s, int code, std::string_view why);
    void hand_over(slot& s, access way);
    void give_to_target(slot& s);
    [[nodiscard]] copy_place place_of(const slot& s) const;
    std::optional<int> refusal(const uapi::io_desc& d, operation& op) const;
    void answer(slot& s, std::error_code failed, std::string_view why = "the target failed");
    void commit(slot& s, std::int32_t outcome);
    void send(slot& s, std::int32_t outcome);
    void submit(ring_operation& operation) override;
    void arm_wakeup();
    void tell_latency();
    void note(slot& s, int code, std::string_view what);
    [[nodiscard]] bool over() const {
        const bool all_sent = batches_ == nullptr || !batches_->has_gathered();
        const bool kernel_has_none = with_kernel_ == 0 && !fetch_again_;
        return ended_ || (with_target_ == 0 && all_sent && (leaving_ || kernel_has_none));
    }

    queue_spec spec_;
    target target_;
    counters& counters_;
    access access_;
    buffers buffers_;
    std::unique_ptr<os::ring> ring_;
    std::span<const std::byte> mapping_;
    const uapi::io_desc* descriptors_ = nullptr;
    std::unique_ptr<slot[]> slots_;
    std::unique_ptr<std::byte[]> frame_memory_;
    std::unique_ptr<batch> batches_;          // where requests are delivered so
    std::vector<ring_operation*> postponed_;  // operations that found the ring full
    unsigned with_kernel_ = 0;                // commands that the kernel has not completed
    unsigned with_target_ = 0;                // tags with a request that is not answered yet
    unsigned batch_ = 0;                      // requests of this turn
    unsigned answered_ = 0;                   // … that were answered in it
    std::uint64_t turn_began_ns_ = 0;
    std::uint64_t wakeup_value_ = 0;
    std::uint64_t note_window_ns_ = 0;
    unsigned notes_in_window_ = 0;
    int fetch_refusal_ = 0;
    bool fetching_ = false;
    // Of the fetch command of batches.
    bool prepared_ = false;
    bool fetch_under_way_ = false;
    bool fetch_again_ = false;
    bool round_over_ = false;  // tags come back; those answered from now on need not
    bool leaving_ = false;     // woken: nothing is awaited of the kernel
    bool ended_ = false;
    bool word_ = false;
    bool holding_ = false;
    std::vector<slot*> kept_;  // requests that came meanwhile
};

}  // namespace ashlar::queue
