// SPDX-License-Identifier: MIT
// What a request costs in our own code, on this machine's processor, without a kernel: the twin
// drives the data plane. For each target, lane and delivery: nanoseconds, allocations and enters a
// request, the least of many rounds.
#include "bench/timed_machine.hpp"
#include "device/life.hpp"
#include "support/twin_machine.hpp"
#include "targets/file/file_disk.hpp"
#include "targets/mem/mem.hpp"
#include "targets/null/null.hpp"
#include "twin/file.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <string_view>

using namespace ashlar;

namespace {

constexpr std::uint64_t disk_bytes = 1 << 20;
constexpr unsigned rounds = 40;
constexpr unsigned turns_a_round = 60;

struct way {
    std::string_view kernel;
    ashlar::lane lane;
    ashlar::delivery delivery;
};
constexpr way ways[] = {
    {"6.1", lane::plain_copy, delivery::by_tag},    {"6.12", lane::user_copy, delivery::by_tag},
    {"6.18", lane::zero_copy, delivery::by_tag},    {"7.3", lane::plain_copy, delivery::in_batches},
    {"7.3", lane::user_copy, delivery::in_batches}, {"7.3", lane::zero_copy, delivery::in_batches}};

// A target for this machine.
result<target> make_target(std::string_view name, test::twin_machine& m) {
    if (name == "null") return target(std::make_shared<targets::null_disk>(disk_bytes));
    if (name == "mem") {
        auto made = targets::mem_disk::make(disk_bytes, targets::huge_pages::no,
                                            std::make_unique<targets::memory_budget>());
        if (!made) return failure(std::move(made).error());
        return target(*made);
    }
    const int fd = m.make_file(std::vector<std::byte>(disk_bytes));
    m.kernel().shared_file(fd)->faults = {};
    auto made = targets::file_disk::make({.name = "disk.img",
                                          .fd = fd,
                                          .bytes = disk_bytes,
                                          .open_again = [fd] { return fd; },
                                          .bytes_now = [] { return disk_bytes; }});
    if (!made) return failure(std::move(made).error());
    return target(*made);
}

struct figures {
    double ns = 0, allocations = 0, enters = 0, calls = 0;
};

// So many requests at a time, of 4 KiB.
result<figures> measure(std::string_view name, const way& w, uapi::op op, unsigned depth,
                        double rate) {
    test::twin_machine m(w.kernel, true);
    bench::timed_machine timed(m.server());
    auto served = make_target(name, m);
    if (!served) return failure(std::move(served).error());
    if (w.lane == lane::zero_copy && !served->passes_data()) return figures{};
    auto disk = device::implementation::start(timed, std::move(*served),
                                              {.lane = w.lane, .delivery = w.delivery});
    if (!disk) return failure(std::move(disk).error());
    std::vector<test::block_request> requests(depth);
    for (unsigned i = 0; i < depth; ++i) {
        requests[i] = {.op = op, .sector = i * 8, .sectors = 8};
        requests[i].data.resize(4096, std::byte{1});
    }
    figures least{.ns = 1e9};
    for (unsigned round = 0; round < rounds; ++round) {
        const bench::own_cost before = timed.cost();
        for (unsigned turn = 0; turn < turns_a_round; ++turn) m.perform(0, requests);
        const bench::own_cost& after = timed.cost();
        const double count = double{turns_a_round} * depth;
        const auto each = [&](std::uint64_t bench::own_cost::* what) {
            return static_cast<double>(after.*what - before.*what) / count;
        };
        least.ns = std::min(least.ns, each(&bench::own_cost::ticks) / rate);
        // The first round warms up.
        if (round == 0) continue;
        least.allocations = std::max(least.allocations, each(&bench::own_cost::allocations));
        least.enters = std::max(least.enters, each(&bench::own_cost::enters));
        least.calls = std::max(least.calls, each(&bench::own_cost::calls));
    }
    for (const test::block_request& r : requests) {
        if (r.outcome != 4096) return failure({.operation = "I/O", .code = -r.outcome});
    }
    return least;
}

}  // namespace

int main(int argc, char** argv) {
    const bool json = argc == 2 && std::string_view(argv[1]) == "--json";
    if (argc > 1 && !json) {
        fmt::print(stderr, "Usage: native [--json]\n");
        return 2;
    }
    const double rate = bench::ticks_per_ns();
    auto rows = nlohmann::ordered_json::array();
    if (!json) {
        fmt::print(
            "| target | lane, delivery | request | depth | ns | allocations | enters | "
            "calls of the kernel |\n| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
    }
    for (const std::string_view name : {"null", "mem", "file"}) {
        for (const way& w : ways) {
            for (const auto& [op, word] :
                 {std::pair(uapi::op::read, "read"), {uapi::op::write, "write"}}) {
                for (const unsigned depth : {1U, 32U}) {
                    const auto found = measure(name, w, op, depth, rate);
                    if (!found) {
                        fmt::print(stderr, "native: {}\n", found.error().text());
                        return 1;
                    }
                    if (found->calls == 0) continue;
                    const std::string how =
                        fmt::format("{}, {}", ashlar::name(w.lane), ashlar::name(w.delivery));
                    rows.push_back({{"target", name},
                                    {"kernel", w.kernel},
                                    {"way", how},
                                    {"request", word},
                                    {"depth", depth},
                                    {"ns", found->ns},
                                    {"allocations", found->allocations},
                                    {"enters", found->enters},
                                    {"calls", found->calls}});
                    if (json) continue;
                    fmt::print("| {} | {} | {} | {} | {:.0f} | {:.3f} | {:.3f} | {:.2f} |\n", name,
                               how, word, depth, found->ns, found->allocations, found->enters,
                               found->calls);
                }
            }
        }
    }
    if (json) fmt::print("{}\n", rows.dump(1));
    return 0;
}
