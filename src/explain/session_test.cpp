// SPDX-License-Identifier: MIT
// A log of calls is judged call by call, each by what those before it tell.
#include "explain/explain.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>

using namespace ashlar;
using namespace ashlar::explain;

namespace {

template <class T>
std::string hex(const T& of) {
    std::string text;
    for (std::size_t i = 0; i < sizeof of; ++i) {
        text += fmt::format("{:02x}", reinterpret_cast<const unsigned char*>(&of)[i]);
    }
    return text;
}

struct entry {
    std::uint8_t bytes[128] = {46};

    template <class T>
    entry& put(std::size_t at, const T& value) {
        std::memcpy(bytes + at, &value, sizeof value);
        return *this;
    }
    // As a server prints what it submits: 64 bytes but for control commands.
    [[nodiscard]] std::string line(bool wide, int thread) const {
        return fmt::format("[{}] sqe {}\n", thread, hex(bytes).substr(0, wide ? 256 : 128));
    }
};

std::string control(uapi::ctrl_op op, std::uint64_t user_data, const uapi::ctrl_cmd& header) {
    return entry()
        .put(4, 3)
        .put(8, uapi::encoded(op))
        .put(32, user_data)
        .put(48, header)
        .line(true, 7);
}

std::string io(uapi::io_op op, std::uint64_t user_data, const uapi::io_cmd& c, int thread = 7) {
    return entry()
        .put(4, 5)
        .put(8, uapi::encoded(op))
        .put(32, user_data)
        .put(48, c)
        .line(false, thread);
}

std::string result(std::uint64_t user_data, int code) {
    return fmt::format("cqe user_data={} res={}\n", user_data, code);
}

const uapi::ctrl_dev_info info{
    .nr_hw_queues = 1, .queue_depth = 2, .max_io_buf_bytes = 65536, .dev_id = 4};

// A device with two tags, and its server's /dev/ublkc4.
std::string beginning() {
    const uapi::ctrl_cmd add{.dev_id = 4, .queue_id = 0xffff, .len = 64, .addr = 0x7f0000001000};
    return "Linux version 6.12.117\n" + control(uapi::ctrl_op::add_dev, 1, add) + "payload " +
           hex(info) + "\n" + result(1, 0) + "openat(AT_FDCWD, \"/dev/ublkc4\", O_RDWR) = 5\n";
}

std::string fetch(std::uint64_t user_data, std::uint16_t tag, int thread = 7) {
    return io(uapi::io_op::fetch_req, user_data, {.tag = tag, .addr = 0x7f0000100000}, thread);
}

const finding* last_failure(const explanation& e) {
    const finding* last = nullptr;
    for (const finding& f : e.findings) {
        if (f.what == finding::kind::failure) last = &f;
    }
    return last;
}

std::string rule_of(const std::string& log) {
    const explanation told = text(log, {});
    const finding* f = last_failure(told);
    if (f == nullptr || f->verdicts.empty()) return {};
    return f->verdicts[0].id + " " + std::string(name(f->verdicts[0].sure));
}

}  // namespace

TEST_CASE("log: a tag beyond the depth that ADD_DEV was given is the rule that was broken") {
    CHECK(rule_of(beginning() + fetch(2, 2) + result(2, -EINVAL)) == "IO-4 certain");
    CHECK(rule_of(beginning() + fetch(2, 1) + result(2, -EINVAL)) != "IO-4 certain");
}

TEST_CASE("log: a tag that was fetched, committed or delivered is known to be") {
    const std::string both = beginning() + fetch(2, 0) + fetch(3, 1);
    CHECK(rule_of(beginning() + fetch(2, 0) + fetch(3, 0) + result(3, -EBUSY)) ==
          "FETCH-6 certain");
    const auto commit = [](std::uint64_t id, int thread) {
        return io(uapi::io_op::commit_and_fetch_req, id, {.result = 512, .addr = 0x7f0000100000},
                  thread);
    };
    CHECK(rule_of(both + commit(4, 7) + result(4, -EBUSY)) == "IO-7 certain");
    CHECK(rule_of(both + result(2, 0) + commit(4, 8) + result(4, -EINVAL)) == "IO-6 certain");
}

TEST_CASE("log: START_DEV that does not come back lacks fetches, and else nothing") {
    const uapi::ctrl_cmd start{.dev_id = 4, .queue_id = 0xffff, .data = {7}};
    const std::string ask = control(uapi::ctrl_op::start_dev, 9, start);
    CHECK(rule_of(beginning() + fetch(2, 0) + ask + "user_data=9 never returns\n") ==
          "START-4 certain");
    CHECK(rule_of(beginning() + fetch(2, 0) + fetch(3, 1) + ask + "user_data=9 never returns\n") !=
          "START-4 certain");
}

TEST_CASE("log: bytes that were judged with their result are only taken apart") {
    const auto e = text(beginning() + fetch(2, 2) + result(2, -EINVAL), {});
    for (const finding& f : e.findings) {
        if (f.what != finding::kind::bytes || f.title.find("entry") == std::string::npos) continue;
        CHECK_FALSE(f.judged);
        CHECK(f.verdicts.empty());
    }
}

TEST_CASE(
    "log: an ADD_DEV whose device info nobody printed makes a device that nothing is known of") {
    const uapi::ctrl_cmd add{.dev_id = 4, .queue_id = 0xffff, .len = 64, .addr = 0x7f0000001000};
    const std::string bare = control(uapi::ctrl_op::add_dev, 1, add) + result(1, 0);
    CHECK(rule_of(bare + fetch(2, 2) + result(2, -EINVAL)) != "IO-4 certain");
}

TEST_CASE("log: a completion of no entry is explained as before") {
    const auto e = text("Linux 6.12\nADD_DEV\nprocessing completion user_data=77 res=-22\n", {});
    const finding* f = last_failure(e);
    REQUIRE(f != nullptr);
    CHECK(f->title == "ADD_DEV failed with EINVAL");
}

TEST_CASE("log: a mapping or an open file that was left holds the device") {
    const std::string left = "mmap(NULL, 4096, PROT_READ, MAP_SHARED, 5, 0) = 0x7f0000200000\n"
                             "close(5) = 0\n";
    const std::string again = "openat(AT_FDCWD, \"/dev/ublkc4\", O_RDWR) = -1 EBUSY (busy)\n";
    CHECK(rule_of(beginning() + left + again) == "OPEN-2 certain");
}

TEST_CASE("log: an ADD_DEV of which nobody shows what was sent makes no device known") {
    const uapi::ctrl_cmd add{.dev_id = 4, .queue_id = 0xffff, .len = 64, .addr = 0x7f0000001000};
    const std::string made = control(uapi::ctrl_op::add_dev, 1, add) + result(1, 0) +
                             "openat(AT_FDCWD, \"/dev/ublkc0\", O_RDWR) = 5\n";
    CHECK(rule_of(made + fetch(2, 9) + result(2, -EINVAL)) != "IO-4 certain");
}

TEST_CASE("log: the device's info is enough where it decides") {
    uapi::ctrl_dev_info seen = info;
    seen.flags = uapi::f_user_copy;
    seen.state = 1;
    const std::string start = "Linux 6.12\nGET_DEV_INFO gives " + hex(seen) + "\n";
    CHECK(rule_of(start + fetch(2, 2) + result(2, -EINVAL)) == "IO-4 certain");
    // A tag may have been fetched before this log.
    const auto commit = io(uapi::io_op::commit_and_fetch_req, 3, {.tag = 1, .result = 512});
    CHECK(rule_of(start + commit + result(3, -EINVAL)) != "IO-7 certain");
    const std::string copied = "pread64(5</dev/ublkc4>, 0x7f20, 512, 2147483648) = -1 EINVAL (…)\n";
    seen.flags = 0;
    CHECK(rule_of("Linux 6.12\nGET_DEV_INFO gives " + hex(seen) + "\n" + copied) == "UC-5 certain");
}

TEST_CASE("log: what the values of a call say about what is likely") {
    const auto first = [](const std::string& call) {
        return rule_of("Linux 6.12\n" + call + result(2, -EINVAL)).substr(0, 4);
    };
    CHECK(first(fetch(2, 128)) == "IO-4");  // one more than the last tag of a usual depth
    CHECK(first(fetch(2, 3)) == "IO-6");
    CHECK(first(fetch(2, 0)) == "FETC");  // nobody else can have fetched before
}
