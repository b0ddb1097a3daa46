// SPDX-License-Identifier: MIT
// The data plane: one queue of a device. It fetches requests, hands them to the target, and commits
// the answers. One thread, no lock; nothing is allocated after `open` on the way of a request that
// succeeds.
//
// A queue is turned by the loop that it has joined (loop.hpp), which alone waits. All functions
// belong to the thread of that loop.
#pragma once

#include "os/ring.hpp"
#include "queue/batch.hpp"
#include "queue/buffers.hpp"
#include "queue/counters.hpp"
#include "queue/frames.hpp"
#include "queue/loop.hpp"
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
    int char_fd;           // ublkcN, open for reading and writing
    std::uint32_t device;  // its id, for messages
    std::uint16_t id;      // of the queue
    std::uint16_t depth;   // as the kernel answered ADD_DEV
    // Several may serve one queue, each on a thread of its own: this one has the tags part,
    // part + parts and so on.
    std::uint16_t part = 0, parts = 1;
    std::uint32_t max_io;  // bytes of the largest request
    std::uint64_t size;    // bytes of the device
    ashlar::lane lane;     // of the device, and not automatic
    bool registers;        // a request's data may be registered by command
    bool in_batches;       // so its requests are delivered
    bool flush_after_fua;  // a volatile cache without FUA of its own
    bool raw_commands;     // Linux before 6.4
    // What clients share with the server.
    std::shared_ptr<const shared_regions> shared;
};

// Who wants to know how a queue fares. Called on the queue's thread, never amid a completion.
class listener {
public:
    // The target has no request, and gets none until `go_on`.
    virtual void queue_held() = 0;
    // The kernel takes the tags back: the device was stopped or quiesced.
    virtual void queue_comes_back() = 0;
    // It has left its loop. It may be destroyed now if it has left nothing behind, else when the
    // loop is gone.
    virtual void queue_ended() = 0;

protected:
    ~listener() = default;
};

class queue final : private ring_io {
public:
    // What its loop's ring needs room for.
    static unsigned entries(const queue_spec& spec, const target& served);
    // Joins the loop, which has to be open.
    static result<std::unique_ptr<queue>> open(const queue_spec& spec, target served, counters& c,
                                               loop& thread, listener& who);
    ~queue();

    // Gives all tags to the kernel. A refusal of even one is an error; then the others may be with
    // the kernel.
    result<> fetch_all();
    // Ends once all requests that the target has are answered, whatever the kernel still has. A
    // second call does not wait for the target either. In a shared loop, which can't take commands
    // back, the first call has no effect but that the listener hears of it.
    void leave();
    // Requests that come are kept back from now on; the listener hears when the target has none.
    void hold();
    // The target gets them; the device has this many bytes now.
    void go_on(std::uint64_t size);
    // Of one that does not end in a shared loop: nothing is sent any more. It stays as it is for as
    // long as the loop.
    void abandon();

private:
    struct slot;
    friend struct ashlar::detail::request_answer;
    friend class loop;

    // How a handler gets at a request's data.
    enum class access : std::uint8_t {
        buffer,      // the kernel has copied it to the tag's buffer, or will copy it from there
        own_buffer,  // we copy to and from that buffer
        direct,      // the handler copies itself (data_out, data_in)
        in_place,    // the kernel copies to and from the target's memory where that has a place
        registered   // not at all: it is in the ring's table of buffers, at the tag
    };

    static access access_of(lane way, const target& t);
    queue(const queue_spec& spec, target served, counters& c, loop& thread, listener& who);
    result<> set_up();
    result<> set_up_file();
    result<> set_up_lane();
    [[nodiscard]] std::uint64_t buffer_address(std::uint16_t tag) const;
    [[nodiscard]] std::uint64_t answer_address(const slot& s) const;

    slot& slot_of(std::uint16_t tag);
    void make_slot(std::uint16_t tag);
    bool fill(std::uint16_t tag, uapi::io_op op, std::int32_t outcome, std::uint64_t address);
    void command(slot& s, uapi::io_op op, std::int32_t outcome, std::uint64_t address);
    result<> fetch_by_tag();
    result<> fetch_in_batches();
    io_uring_sqe* batch_entry(std::uint64_t user_data);
    void fetch_batch();
    bool send_answers();
    void batch_arrived(int outcome, unsigned flags);
    void batch_committed(int outcome);
    void answer_again(slot& s, int refusal);
    static void operation_completed(ring_operation& operation, int outcome);
    static void fill_operation(ring_operation& operation, io_uring_sqe& entry);
    void batch_completed(std::uint64_t kind, int outcome, unsigned flags);
    void tag_completed(slot& s, int outcome);
    bool prepare_to_wait();
    void told_to_hold();
    void count_turn(std::uint64_t enters);
    void round_ends();
    void end();
    void detach();
    void arrived(slot& s);
    void count_arrival(slot& s);
    void data_wanted(slot& s);
    void give_place(slot& s);
    void data_refused(slot& s, int refusal);
    void begin(slot& s);
    bool register_data(slot& s);
    void unregister_data(slot& s);
    void fill_registration(io_uring_sqe& entry, uapi::io_op op, std::uint16_t tag) const;
    bool goes_by_buffer(slot& s, std::error_code failed);
    void refuse(slot& s, int code, std::string_view why);
    void hand_over(slot& s, access way);
    void start(slot& s);
    void give_to_target(slot& s);
    [[nodiscard]] std::uint16_t place_in_table(std::uint16_t tag) const;
    [[nodiscard]] copy_place place_of(const slot& s) const;
    std::span<std::byte> room_for(slot& s, const uapi::io_desc& d, operation op, access way);
    std::span<std::byte> from_pool(slot& s, std::size_t bytes);
    std::optional<int> refusal(const uapi::io_desc& d, operation& op) const;
    void answer(slot& s, std::error_code failed, std::string_view why = "the target failed");
    void commit(slot& s, std::int32_t outcome);
    void send(slot& s, std::int32_t outcome);
    void submit(ring_operation& operation) override;
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
    loop& loop_;
    os::ring& ring_;
    listener& listener_;
    std::span<const std::byte> mapping_;
    const uapi::io_desc* descriptors_ = nullptr;
    // A tag's slot is made when its first request comes: an idle queue has none.
    reserved slot_memory_;
    slot* slots_ = nullptr;
    std::unique_ptr<bool[]> made_;
    reserved frame_memory_;
    std::unique_ptr<batch> batches_;  // where requests are delivered so
    std::uint64_t name_ = 0;          // its number in its loop, as completions have it
    int file_ = 0;                    // ublkcN as entries name it
    std::uint8_t file_flag_ = 0;      // … and whether that is a registered one
    unsigned first_place_ = 0;        // in the ring's table of buffers
    bool has_places_ = false;
    unsigned with_kernel_ = 0;   // commands that the kernel has not completed
    unsigned with_target_ = 0;   // tags with a request that is not answered yet
    unsigned came_ = 0;          // completions of this turn
    unsigned batch_ = 0;         // … requests among them
    unsigned batch_before_ = 0;  // of the last turn that had any
    unsigned carried_ = 0;       // requests that the target had before this turn
    unsigned answered_ = 0;      // … that were answered in it
    std::uint64_t turn_began_ns_ = 0;
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
    bool active_ = false;  // has a place in its loop's list
    bool joined_ = false;
    bool abandoned_ = false;
    bool holding_ = false;
    bool held_ = false;        // … and the listener knows that the target has none
    std::vector<slot*> kept_;  // requests that came meanwhile
};

}  // namespace ashlar::queue
