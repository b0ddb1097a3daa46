// SPDX-License-Identifier: MIT
#include "support/twin_machine.hpp"

#include "control/control.hpp"
#include "twin/block.hpp"
#include "twin/file.hpp"

#include <algorithm>
#include <cerrno>

namespace ashlar::test {

namespace {

std::unique_ptr<twin::kernel> make_kernel(std::string_view version, bool polite) {
    twin::kernel_options o{.version = *rules::kernel_named(version),
                           .threads = chosen_twin().threads};
    // Requests of the kernel's own would be counted among the test's.
    o.manner.partition_scan = o.manner.udev = false;
    o.manner.any_order = o.manner.refused_registrations = !polite;
    return std::make_unique<twin::kernel>(std::move(o));
}

}  // namespace

// One test's request as the block layer takes it.
struct twin_machine::submission {
    twin::bio what = {};
    block_request* request = nullptr;
    twin_machine* home = nullptr;

    static void done(twin::bio& b, int error) {
        auto& self = *static_cast<submission*>(b.user);
        block_request& r = *self.request;
        const bool data = r.op == uapi::op::read || r.op == uapi::op::write;
        r.outcome = error != 0 ? error
                    : data     ? static_cast<int>(r.sectors * uapi::sector_bytes)
                               : 0;
        r.done = true;
        self.home->left_ -= 1;
        self.home->kernel_->exec().wake(self.home->ended_);
    }
};

twin_choice& chosen_twin() {
    static twin_choice choice;
    return choice;
}

twin_machine::twin_machine(std::string_view version, bool polite)
    : kernel_(make_kernel(version, polite)),
      server_(kernel_->start_process()),
      other_(kernel_->start_process()) {}

twin_machine::~twin_machine() = default;

std::string twin_machine::leaks() {
    twin::locked lock(kernel_->exec());
    std::string text = kernel_->leaks();
    for (const std::string& accusation : kernel_->accusations()) text += accusation + "; ";
    return text;
}

void twin_machine::perform(std::uint32_t device, std::span<block_request> requests) {
    twin::executor& exec = kernel_->exec();
    twin::locked lock(exec);
    twin::disk* disk = kernel_->blocks().find(device);
    for (block_request& r : requests) {
        r.done = disk == nullptr;
        r.outcome = -ENXIO;
        if (r.op == uapi::op::read && r.where == nullptr)
            r.data.resize(std::size_t{r.sectors} * uapi::sector_bytes);
    }
    if (disk == nullptr) return;
    left_ = requests.size();
    submissions_.assign(requests.size(), {});
    kernel_->blocks().plug(*disk);
    for (std::size_t i = 0; i < requests.size(); ++i) {
        block_request& r = requests[i];
        submission& s = submissions_[i];
        s.request = &r;
        s.home = this;
        s.what = {.op = r.op,
                  .flags = twin::bio::as_it_is,
                  .sector = r.sector,
                  .sectors = r.sectors,
                  .data = r.where != nullptr ? r.where
                          : r.data.empty()   ? nullptr
                                             : r.data.data(),
                  .cpu = r.queue,
                  .done = &submission::done,
                  .user = &s};
        if ((r.flags & uapi::io_f_fua) != 0) s.what.flags |= twin::bio::fua;
        kernel_->blocks().submit(*disk, s.what);
    }
    kernel_->blocks().unplug(*disk);
    exec.wait_until(ended_, os::no_timeout, [&] { return left_ == 0; });
}

int twin_machine::perform(std::uint32_t device, block_request& request) {
    perform(device, std::span(&request, 1));
    return request.outcome;
}

int twin_machine::make_file(std::span<const std::byte> content) {
    twin::locked lock(kernel_->exec());
    twin::file& made = kernel_->make_file("/file" + std::to_string(files_++), content.size());
    made.write(0, content);
    made.faults.short_transfer = 900'000;
    made.faults.interrupted = 50'000;
    return kernel_->share_file(made);
}

std::vector<std::string> twin_machine::text_files() {
    twin::locked lock(kernel_->exec());
    std::vector<std::string> paths;
    for (const auto& [path, text] : kernel_->texts) paths.push_back(path);
    return paths;
}

std::unique_ptr<os::thread> twin_machine::remove_device_meanwhile(std::uint32_t id) {
    auto started = other_.start_thread("somebody else", {}, [this, id] {
        auto control = control::control::open(other_, false);
        if (control && (*control)->stop(id)) (void)(*control)->remove(id);
    });
    return std::move(*started);
}

void twin_machine::pass_time() { other_.sleep_ns(100'000); }

void twin_machine::hold_disk(std::uint32_t id, os::holder h) {
    twin::locked lock(kernel_->exec());
    kernel_->holders["ublkb" + std::to_string(id)].push_back(std::move(h));
    kernel_->blocks().open(*kernel_->blocks().find(id), true, 0, 0, true);
}

void twin_machine::release_disk(std::uint32_t id) {
    twin::locked lock(kernel_->exec());
    kernel_->holders.erase("ublkb" + std::to_string(id));
    if (twin::disk* d = kernel_->blocks().find(id)) kernel_->blocks().close(*d, true);
}

uapi::params twin_machine::params_of(std::uint32_t id) {
    auto control = control::control::open(other_, false);
    return *(*control)->get_params(id);
}

}  // namespace ashlar::test
