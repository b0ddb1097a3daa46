// SPDX-License-Identifier: MIT
// The target file at work on the twin: what it has acknowledged is on its file, though syncs fail
// and others run at the same time.
#include "device/life.hpp"
#include "support/twin_machine.hpp"
#include "targets/file/file_disk.hpp"
#include "twin/file.hpp"

#include <ashlar/log.hpp>

#include <doctest/doctest.h>

#include <algorithm>

using namespace ashlar;
using test::block_request;
using test::twin_machine;

namespace {

constexpr std::uint64_t disk_bytes = 1 << 16;

struct quiet {
    quiet() {
        set_log_sink([](level, std::string_view) {});
    }
    ~quiet() { set_log_sink({}); }
};

target disk_on(int file) {
    auto disk = targets::sparse_file_disk::make({.name = "disk.img",
                                                 .fd = file,
                                                 .bytes = disk_bytes,
                                                 .open_again = [file] { return file; },
                                                 .bytes_now = [] { return disk_bytes; }});
    REQUIRE(disk);
    return target(*disk);
}

std::vector<block_request> fua_writes(unsigned count) {
    std::vector<block_request> writes(count);
    for (unsigned i = 0; i < count; ++i) {
        writes[i] = {.op = uapi::op::write,
                     .sector = i,
                     .sectors = 1,
                     .flags = uapi::io_f_fua,
                     .data = std::vector<std::byte>(512, std::byte(i + 1))};
    }
    return writes;
}

bool is_durable(const twin::file& f, const block_request& write) {
    const auto at = f.durable().subspan(write.sector * 512, 512);
    return std::ranges::equal(at, write.data);
}

}  // namespace

TEST_CASE("what is acknowledged with FUA is durable, though another's sync fails beside it") {
    const quiet q;
    unsigned failed = 0;
    unsigned succeeded = 0;
    for (int round = 0; round < 30; ++round) {
        CAPTURE(round);
        twin_machine m(test::chosen_twin().version);
        for (int i = 0; i < round; ++i) m.kernel().choices().next();  // another course each time
        const int fd = m.make_file(std::vector<std::byte>(disk_bytes));
        twin::file& file = *m.kernel().shared_file(fd);
        auto disk = device::implementation::start(m, disk_on(fd), {.depth = 16});
        REQUIRE(disk);
        file.faults = {.sync_error = 300'000, .short_transfer = 0, .delay_max_ns = 300'000};
        std::vector<block_request> writes = fua_writes(8);
        m.perform(0, writes);
        for (const block_request& w : writes) {
            (w.outcome == 512 ? succeeded : failed) += 1;
            if (w.outcome == 512) CHECK(is_durable(file, w));
        }
        // Nobody is told that all is well once it was not.
        block_request flush{.op = uapi::op::flush};
        file.faults = {};
        const bool lost = std::ranges::any_of(writes, [](const auto& w) { return w.outcome < 0; });
        CHECK((m.perform(0, flush) < 0) == lost);
        disk->reset();
        CHECK(m.leaks() == "");
    }
    CHECK(failed > 0);
    CHECK(succeeded > 0);
}
