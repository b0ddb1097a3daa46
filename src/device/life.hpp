// SPDX-License-Identifier: MIT
// A device's life: add, set params, fetch, start, serve, stop, delete, each step undone if a later
// one fails. This is what ashlar::device holds.
#pragma once

#include "control/control.hpp"
#include "device/lanes.hpp"
#include "device/plan.hpp"
#include "device/record.hpp"
#include "device/watcher.hpp"
#include "queue/shared_regions.hpp"

#include <ashlar/serve.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

namespace ashlar {

class device::implementation final : private device_room::watched {
public:
    // Nothing is left behind if it fails.
    static result<std::unique_ptr<implementation>> start(os::machine& m, target served,
                                                         options wanted);
    // Takes over a device that waits for a server. If it fails, the device waits on.
    static result<std::unique_ptr<implementation>> recover(os::machine& m, std::uint32_t id,
                                                           target served, options wanted);
    ~implementation();
    implementation(const implementation&) = delete;
    implementation& operator=(const implementation&) = delete;

    [[nodiscard]] std::uint32_t id() const { return info_.dev_id; }
    [[nodiscard]] const options& wanted() const { return wanted_; }
    [[nodiscard]] std::uint64_t size() const { return plan_.size; }
    [[nodiscard]] const device_room::lane_choice& lane() const { return lane_; }
    [[nodiscard]] std::vector<queue_counters> counters() const;
    // True once a queue has ended although nobody here has stopped the device.
    [[nodiscard]] bool ended() const { return queues_ended_.load(std::memory_order_acquire) != 0; }
    // Readable once `ended` is true.
    [[nodiscard]] int ended_fd() const { return ended_fd_; }
    // As device::resume. Of a device whose queues have not ended: lets it go first.
    result<bool> resume();
    result<> stop(stop_when when);
    // As device::resize, and what device::size_now gives.
    result<> resize(std::uint64_t bytes);
    [[nodiscard]] result<std::uint64_t> size_now() const;
    // Of a device whose lane is shared memory: requests whose data lies in this memory, which is
    // whole pages and stays the caller's, are not copied. Gives its number among such memory.
    result<std::uint32_t> share(std::span<std::byte> memory);
    // What it would be refused for, whatever the memory.
    [[nodiscard]] result<> check_shares() const;
    // Not any more. Gives back which it was.
    result<std::span<std::byte>> unshare(std::uint32_t index);

private:
    // How far a queue has come.
    enum class stage : std::uint8_t { opening, mapped, fetched, ended };
    class queue_life;

    implementation(os::machine& m, target served, options wanted)
        : machine_(m),
          target_(std::move(served)),
          wanted_(std::move(wanted)),
          monitor_(m.make_monitor()),
          shared_(std::make_shared<queue::shared_regions>(m)) {}
    result<> begin();
    result<> prepare();
    result<> add();
    result<> choose_lane();
    result<> check_lane();
    result<> check_privileges();
    result<> open_node();
    result<> start_queues();
    result<> start_queue(std::uint16_t index, std::uint16_t part);
    result<> await(stage s);
    bool ends_within(const queue_life& life, std::uint64_t limit_ns);
    void end_queues(bool tags_come_back);
    void await_own_end(queue_life& life, bool tags_come_back);
    void await_shared_end(queue_life& life, bool tags_come_back);
    bool hold_queues();
    void let_queues_go_on(std::uint64_t size);
    result<> check_resize(std::uint64_t bytes);
    result<> resize_device(std::uint64_t bytes);
    result<> resize_target(std::uint64_t bytes);
    result<> record_size();
    result<> take_over(std::uint32_t id);
    result<> start_recovery();
    result<> mend_broken_recovery();
    result<> end_recovery();
    result<> write_record_anew(const std::optional<device_room::record>& before);
    result<> serve_waiting();
    result<> await_release(bool for_successor);
    bool is_served_elsewhere();
    result<bool> make_way(error why);
    void let_go(bool tags_come_back);
    void start_watch();
    void end_watch();
    look look_at() override;
    result<> have_control();
    void spare_control();
    void tell(step::kind what, std::string detail);

    os::machine& machine_;
    target target_;
    options wanted_;
    device_room::plan plan_;
    device_room::lane_choice lane_;
    std::unique_ptr<control::control> control_;
    uapi::ctrl_dev_info info_;
    int char_fd_ = -1;
    int ended_fd_ = -1;
    bool added_ = false;
    bool recorded_ = false;
    std::vector<std::shared_ptr<queue_life>> queues_;
    std::shared_ptr<os::monitor> monitor_;
    std::shared_ptr<queue::shared_regions> shared_;
    std::atomic<unsigned> queues_ended_ = 0;
    std::unique_ptr<device_room::watcher> own_watcher_;
    device_room::watcher* watcher_ = nullptr;  // while it looks at this
    std::uint64_t completions_seen_ = 0;       // the watcher's, as the next
    unsigned held_back_looks_ = 0;
};

}  // namespace ashlar
