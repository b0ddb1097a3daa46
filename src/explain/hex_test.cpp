// SPDX-License-Identifier: MIT
// One entry as tools, debuggers and languages print it.
#include "explain/hex.hpp"

#include "explain/explain.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

using namespace ashlar;
using namespace ashlar::explain;

namespace {

using bytes_of_entry = std::vector<std::uint8_t>;

// START_DEV without a process id.
bytes_of_entry entry() {
    bytes_of_entry b(128);
    b[0] = 46;
    b[4] = 3;
    const std::uint32_t command = uapi::encoded(uapi::ctrl_op::start_dev);
    for (std::size_t i = 0; i < 4; ++i) b[8 + i] = static_cast<std::uint8_t>(command >> 8 * i);
    b[32] = 1;
    b[52] = b[53] = 0xff;
    return b;
}

// Words of `width` bytes as numbers, `per_line` in each line behind a front made of the offset.
template <class F>
std::string numbers(std::size_t width, std::size_t per_line, std::string_view prefix, F&& front) {
    const bytes_of_entry b = entry();
    std::string text;
    for (std::size_t at = 0; at < b.size(); at += width) {
        if (at % (width * per_line) == 0) text += (at == 0 ? "" : "\n") + front(at);
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < width; ++i) value |= std::uint64_t{b[at + i]} << 8 * i;
        text += fmt::format(" {}{:0{}x}", prefix, value, 2 * width);
    }
    return text + "\n";
}
template <class F>
std::string groups(std::size_t width, F&& front) {
    const bytes_of_entry b = entry();
    std::string text;
    for (std::size_t at = 0; at < b.size(); ++at) {
        if (at % 16 == 0) text += (at == 0 ? "" : "\n") + front(at);
        text += at % width == 0 ? fmt::format(" {:02x}", b[at]) : fmt::format("{:02x}", b[at]);
    }
    return text + "\n";
}
std::string joined(std::string_view each, std::string_view between) {
    std::string text;
    for (std::uint8_t x : entry()) {
        text += (text.empty() ? "" : std::string(between)) + fmt::format(fmt::runtime(each), x);
    }
    return text;
}

void check(const std::string& name, const std::string& text) {
    CAPTURE(name);
    CAPTURE(text);
    const auto found = find_blobs(lines_of(text));
    REQUIRE(found.size() == 1);
    CHECK(found[0].bytes == entry());
}

std::string hex_offset(std::size_t at) { return fmt::format("{:07x}", at); }
std::string octal_offset(std::size_t at) { return fmt::format("{:07o}", at); }
std::string xxd_offset(std::size_t at) { return fmt::format("{:08x}:", at); }
std::string of_gdb(std::size_t at) {
    return fmt::format("{:#x} <sqe{}>:", 0x7fffffffe0b0 + at,
                       at == 0 ? "" : fmt::format("+{}", at));
}

}  // namespace

TEST_CASE("hex: an entry as hexdump, od and xxd print it, also as numbers") {
    check("hexdump", numbers(2, 8, "", hex_offset));
    check("od -x", numbers(2, 8, "", octal_offset));
    check("od -t x4", numbers(4, 4, "", octal_offset));
    check("od -t x8", numbers(8, 2, "", octal_offset));
    check("xxd -e", numbers(4, 4, "", xxd_offset));
    check("xxd -g4", groups(4, xxd_offset));
    check("xxd -g8", groups(8, xxd_offset));
    check("hexdump -C of a mail",
          groups(1, [](std::size_t at) { return fmt::format("> {:08x} ", at); }));
}

TEST_CASE("hex: what a star stands for at the end of a dump is filled") {
    // The zeros behind byte 64, as hexdump -C, hexdump and od end with them.
    std::string text = groups(1, [](std::size_t at) { return fmt::format("{:08x} ", at); });
    text = text.substr(0, text.find("00000050"));
    check("hexdump -C", text + "*\n00000080\n");
    text = numbers(2, 8, "", octal_offset);
    text = text.substr(0, text.find("0000120"));
    check("od", text + "*\n0000200\n");
}

TEST_CASE("hex: an entry as gdb prints it") {
    check("x/128xb", numbers(1, 8, "0x", of_gdb));
    check("x/32xw", numbers(4, 4, "0x", of_gdb));
    check("x/16xg", numbers(8, 2, "0x", of_gdb));
    check("p/x",
          "$2 = {0x2e, 0x0, 0x0, 0x0, 0x3, 0x0, 0x0, 0x0, 0x6, 0x75, 0x20, 0xc0, 0x0 <repeats 20 "
          "times>, 0x1, 0x0 <repeats 19 times>, 0xff, 0xff, 0x0 <repeats 74 times>}");
    // The last zero of a string is not shown.
    check("p",
          R"($1 = ".\000\000\000\003\000\000\000\006u \300", '\000' <repeats 20 times>, "\001", )"
          R"('\000' <repeats 19 times>, "\377\377", '\000' <repeats 73 times>)");
}

TEST_CASE("hex: an entry as programs print it") {
    check("python", "b'.\\x00\\x00\\x00\\x03\\x00\\x00\\x00\\x06u \\xc0" +
                        joined("\\x{:02x}", "").substr(12 * 4) + "'");
    check("C", "\"" + joined("\\{:o}", "") + "\"");
    check("rust {:x?}", "[" + joined("{:x}", ", ") + "]");
    check("rust {:#?}", "sqe = [\n    " + joined("{}", ",\n    ") + ",\n]\n");
    check("rust {:#x?}", "sqe = [\n    " + joined("{:#x}", ",\n    ") + ",\n]\n");
    check("print_hex_dump",
          groups(1, [](std::size_t at) { return fmt::format("[   12.345678] sqe: {:08x}:", at); }));
    check("base64", "LgAAAAMAAAAGdSDAAAAAAAAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAP//AAAA\n"
                    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
                    "AAAAAAAAAAAAAAAAAAA=\n");
}

TEST_CASE("hex: words that only look like bytes are none") {
    for (const char* text : {
             "don't say 'it\\'s \\x41\\x42\\x43\\x44\\x45\\x46\\x47\\x48 broken'",
             "0xffffffff81234567 0xffffffff89abcdef 0xffffffff81111111",
             "internal/uapi/marshal/structs/go",
             "sizes = [\n  128,\n  256,\n]\n",
             "ThisIsOneLongWordInTheTextOfAReport",
         }) {
        CAPTURE(text);
        CHECK(find_blobs(lines_of(text)).empty());
    }
}

TEST_CASE("explain: a structure in words is taken apart and judged") {
    const options on_6_12 = {.kernel = rules::kernel_named("6.12")};
    for (const char* told : {
             "$5 = {nr_hw_queues = 0, queue_depth = 64, state = 0, dev_id = 4294967295, flags = 2}",
             "info: {NrHwQueues:0 QueueDepth:64 State:0 DevID:4294967295 Flags:2}",
             R"({"dev_info":{"dev_id":4294967295,"nr_hw_queues":0,"queue_depth":64,"flags":2}})",
             "$7 = {\n  nr_hw_queues = 0,\n  queue_depth = 64,\n  dev_id = 4294967295,\n  flags = "
             "2\n}\n",
         }) {
        CAPTURE(told);
        const auto e = text(told, on_6_12);
        REQUIRE(e.findings.size() == 1);
        CHECK(e.findings[0].title == "device info (ublksrv_ctrl_dev_info), in words");
        REQUIRE(!e.findings[0].verdicts.empty());
        CHECK(e.findings[0].verdicts[0].id == "ADD-4");
    }
}

TEST_CASE("explain: a few bytes that may be anything are called a guess") {
    const auto e = text("00000001000000000000000000000000", {});
    REQUIRE(e.findings.size() == 1);
    CHECK(e.findings[0].notes.size() == 1);
    const auto known = text("ublk: FETCH_REQ 00000001000000000000000000000000", {});
    REQUIRE(known.findings.size() == 1);
    CHECK(known.findings[0].notes.empty());
}
