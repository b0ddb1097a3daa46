// SPDX-License-Identifier: MIT
// Bytes in all forms, numbers, and what must not be explained.
#include "explain/explain.hpp"

#include "explain/hex.hpp"
#include "explain/print.hpp"
#include "explain/words.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <random>

using namespace ashlar;
using namespace ashlar::explain;
using rules::subject;

namespace {

const options on_6_12 = {.kernel = rules::kernel_named("6.12")};

std::vector<std::uint8_t> only_blob(std::string_view text) {
    const auto found = find_blobs(lines_of(text));
    return found.size() == 1 ? found[0].bytes : std::vector<std::uint8_t>{};
}

const std::vector<std::uint8_t> sample = {0x2e, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
                                          0x04, 0x75, 0x20, 0xc0, 0x00, 0x00, 0x00, 0xff};

// An ADD_DEV by hand: its payload at `at`.
std::string entry_text(std::uint8_t opcode, std::uint32_t command, std::size_t at) {
    std::vector<std::uint8_t> b(128);
    b[0] = opcode;
    b[4] = 5;
    std::memcpy(b.data() + 8, &command, sizeof command);
    const uapi::ctrl_cmd h{.dev_id = uapi::device_id_auto, .len = 64, .addr = 0x7f1234560000};
    std::memcpy(b.data() + at, &h, sizeof h);
    std::string text;
    for (std::uint8_t x : b) text += fmt::format("{:02x}", x);
    return text;
}

const finding* find(const explanation& e, std::string_view title) {
    const auto f = std::ranges::find_if(
        e.findings, [&](const finding& one) { return one.title.find(title) != std::string::npos; });
    return f == e.findings.end() ? nullptr : &*f;
}
std::string first_rule(const explanation& e, std::string_view title) {
    const finding* f = find(e, title);
    return f == nullptr || f->verdicts.empty() ? "" : f->verdicts[0].id;
}

}  // namespace

TEST_CASE("explain: bytes are found in every common form") {
    CHECK(find_blobs(lines_of("0xc0207504 12:34:56 c0ffee deadbeef_00112233 v1.2.3")).empty());
    for (const char* form : {
             "2e000000030000000475"
             "20c0000000ff",
             "0x2e000000030000000475"
             "20c0000000ff",
             "2e 00 00 00 03 00 00 00 04 75 20 c0 00 00 00 ff",
             "2e:00:00:00:03:00:00:00:04:75:20:c0:00:00:00:FF",
             "sqe: 2e 00 00 00 03 00 00 00 04 75 20 c0 00 00 00 ff (16 bytes)",
             "u8 sqe[] = { 0x2e, 0x00, 0, 0 };\n"
             "{0x2e, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,\n"
             " 0x04, 0x75, 0x20, 0xc0, 0x00, 0x00, 0x00, 0xff}",
             "[]byte{0x2e, 0x0, 0x0, 0x0, 0x3, 0x0, 0x0, 0x0, 0x4, 0x75, 0x20, 0xc0, 0x0, 0x0, "
             "0x0, 0xff}",
             "sqe [46 0 0 0 3 0 0 0 4 117 32 192 0 0 0 255]",
             "00000000  2e 00 00 00 03 00 00 00  04 75 20 c0 00 00 00 ff  |.........u .....|\n"
             "00000010",
             "00000000: 2e00 0000 0300 0000 0475 20c0 0000 00ff  .........u .....",
             "0000000 2e 00 00 00 03 00 00 00 04 75 20 c0 00 00 00 ff\n0000020",
             "0x7ffe10:\t0x2e\t0x00\t0x00\t0x00\t0x03\t0x00\t0x00\t0x00\n"
             "0x7ffe18 <sqe+8>:\t0x04\t0x75\t0x20\t0xc0\t0x00\t0x00\t0x00\t0xff",
             "0000000 002e 0000 0003 0000 7504 c020 0000 ff00\n0000010",
         }) {
        CAPTURE(form);
        CHECK(only_blob(form) == sample);
    }
}

TEST_CASE("explain: dumps of several lines, also squeezed ones, are one run of bytes") {
    const auto squeezed = only_blob(
        "00000000  2e 00 00 00 03 00 00 00  04 75 20 c0 00 00 00 00  |................|\n"
        "00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
        "*\n"
        "00000030  ff ff ff ff ff ff 40 00  00 10 00 00 00 00 00 00  |......@.........|\n");
    REQUIRE(squeezed.size() == 64);
    CHECK(squeezed[0x2f] == 0);
    CHECK(squeezed[0x30] == 0xff);
    const std::string plain(60, 'a');
    CHECK(only_blob(plain + "\n" + plain + "\naaaa\n").size() == 62);
}

TEST_CASE("explain: an entry for another operation is known from its bytes alone") {
    const auto waitid = text(entry_text(50, 4, 48), on_6_12);
    CHECK(first_rule(waitid, "submission entry") == "U-1");
    const finding* f = find(waitid, "submission entry");
    REQUIRE(f != nullptr);
    CHECK(f->verdicts[0].sure == certainty::certain);
    CHECK(f->verdicts[0].value.find("WAITID") != std::string::npos);
    CHECK(text(entry_text(46, 0xc0207504, 48), on_6_12).findings.at(0).verdicts.empty());
}

TEST_CASE("explain: a payload at the wrong place is found where it stands") {
    const auto e = text(entry_text(46, 0xc0207504, 64), on_6_12);
    CHECK(first_rule(e, "submission entry") == "ADD-1");
    const finding* f = find(e, "submission entry");
    REQUIRE(f != nullptr);
    CHECK(std::ranges::any_of(
        f->notes, [](const auto& n) { return n.find("byte 64") != std::string::npos; }));
}

TEST_CASE("explain: random bytes are nothing, and zeros neither") {
    std::mt19937_64 random(1);
    int told = 0;
    for (int i = 0; i < 20000; ++i) {
        constexpr std::size_t sizes[] = {16, 24, 32, 64, 80, 128, 152};
        std::vector<std::uint8_t> b(sizes[static_cast<std::size_t>(i) % std::size(sizes)]);
        for (auto& x : b) x = static_cast<std::uint8_t>(random());
        told += bytes(b, on_6_12).explained() ? 1 : 0;
        std::ranges::fill(b, std::uint8_t{0});
        REQUIRE(!bytes(b, on_6_12).explained());
    }
    CHECK(told == 0);
}

TEST_CASE("explain: bytes are what somebody says they are, if there are enough") {
    for (shape s : all_shapes) {
        options how = on_6_12;
        how.as = s;
        CHECK(!bytes({}, how).explained());
        CHECK(!bytes(std::vector<std::uint8_t>(7), how).explained());
        CHECK(bytes(std::vector<std::uint8_t>(64), how).explained());
    }
}

TEST_CASE("explain: an errno without bytes, by when the call came back") {
    auto first = [](options how, subject s, int error, when w) {
        how.when = w;
        const auto e = failure_of(s, error, how);
        return e.findings.at(0).verdicts.empty() ? "" : e.findings[0].verdicts[0].id;
    };
    CHECK(first(on_6_12, subject::start_dev, EINVAL, when::immediately) == "START-1");
    CHECK(first(on_6_12, subject::start_dev, EINVAL, when::late) == "START-8");
    CHECK(first({.kernel = rules::kernel_named("6.18")}, subject::start_dev, EINVAL, when::late) ==
          "START-5");
    CHECK(first(on_6_12, subject::start_dev, 0, when::never) == "START-4");
    CHECK(first(on_6_12, subject::del_dev, 0, when::never) == "DEL-3");
    CHECK(first(on_6_12, subject::map_descriptors, EPERM, when::unknown) == "MMAP-2");
    CHECK(first(on_6_12, subject::add_dev, EEXIST, when::unknown) == "ADD-17");
    CHECK(first(on_6_12, subject::add_dev, ENOTTY, when::unknown).empty());
}

TEST_CASE("explain: a megabyte of log is read in one go") {
    std::string log;
    for (int i = 0; log.size() < (1 << 20); ++i) {
        log += fmt::format("Sep 12 host kernel: [{}.5] usb 1-{}: new device, irq={} res=0x{:x}\n",
                           i, i % 7, i % 90, i);
        if (i % 50 == 0) log += fmt::format("ublk[{}]: FETCH_REQ tag {} res=-22\n", i, i % 128);
    }
    const auto begin = std::chrono::steady_clock::now();
    const auto e = text(log, on_6_12);
    const auto took = std::chrono::steady_clock::now() - begin;
    MESSAGE("1 MiB of log in " << std::chrono::duration<double, std::milli>(took).count()
                               << " ms (of this build)");
    CHECK(e.findings.size() == 1);
    CHECK(find(e, "FETCH_REQ failed with EINVAL") != nullptr);
}

TEST_CASE("explain: a number is a command, flags, a state or an opcode") {
    auto title = [](std::string_view kind, std::uint64_t v) {
        const auto e = number(kind, v, on_6_12);
        return e.findings.empty() ? std::string() : e.findings[0].title;
    };
    CHECK(title("", 0xc0207504) == "command ADD_DEV (0xc0207504)");
    CHECK(title("flags", 0x4a).find("USER_RECOVERY|CMD_IOCTL_ENCODE") != std::string::npos);
    CHECK(title("state", 2).find("QUIESCED") != std::string::npos);
    CHECK(title("opcode", 50).find("WAITID") != std::string::npos);
    CHECK(number("", 0xc0207518, on_6_12).findings[0].verdicts.size() == 1);
}

TEST_CASE("explain: words for commands and errnos") {
    CHECK(command_named("UBLK_U_CMD_START_DEV") == subject::start_dev);
    CHECK(command_named("startDevice") == subject::start_dev);
    CHECK(command_named("ublk_ctrl_add_dev") == subject::add_dev);
    CHECK(command_named("UBLK_U_IO_COMMIT_AND_FETCH_REQ") == subject::commit_and_fetch_req);
    CHECK(!command_named("started"));
    CHECK(errno_of_word("EINVAL") == EINVAL);
    CHECK(errno_of_word("-22") == EINVAL);
    CHECK(errno_of_word("EVERY") == 0);
    CHECK(kernel_in("booting Linux 6.11.0-24-generic").release == "6.11.0");
    CHECK(kernel_in("the kernel 6.6+ format").rank == 0);
}

TEST_CASE("explain: control characters of a text do not reach the terminal") {
    const auto e = text("ublk: res=-22 \033[2J\a EINVAL", on_6_12);
    const std::string shown = to_text(e, {});
    CHECK(std::ranges::none_of(shown, [](char c) { return c == '\033' || c == '\a'; }));
    const auto json = nlohmann::json::parse(to_json(text("ublk \xff\xfe ADD_DEV EINVAL", on_6_12)));
    CHECK(json["explained"] == true);
    CHECK(json["findings"][0]["verdicts"][0]["errno"] == EINVAL);
}
