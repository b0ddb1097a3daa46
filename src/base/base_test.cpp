// SPDX-License-Identifier: MIT
#include <ashlar/error.hpp>
#include <ashlar/log.hpp>
#include <ashlar/size.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace ashlar;

TEST_CASE("sizes are read as people write them") {
    CHECK(parse_size("512", "--size") == 512u);
    CHECK(parse_size("4k", "--size") == 4096u);
    CHECK(parse_size("4K", "--size") == 4096u);
    CHECK(parse_size("4KiB", "--size") == 4096u);
    CHECK(parse_size("64M", "--size") == 64u << 20);
    CHECK(parse_size("1G", "--size") == 1u << 30);
    CHECK(parse_size("3T", "--size") == 3ull << 40);
    CHECK(parse_size("1kB", "--size") == 1000u);
    CHECK(parse_size("2GB", "--size") == 2000000000u);
    CHECK(parse_size("0", "--size") == 0u);
}

TEST_CASE("what is no size is refused, and the error names it") {
    for (const char* bad : {"", "-1", "+1", "1.5G", "G", "1Q", "1KK", "1 G", "0x10", "1Ki",
                            "99999999999999999999", "16E", "18446744073709551616"}) {
        CAPTURE(bad);
        auto size = parse_size(bad, "--size");
        REQUIRE(!size);
        CHECK(size.error().operation == "--size");
        CHECK(size.error().usage);
        CHECK(size.error().text().find(bad) != std::string::npos);
        CHECK(!size.error().remedy.empty());
    }
    CHECK(parse_size("-5M", "--size").error().why == "a size can't be negative");
}

TEST_CASE("numbers keep to their bounds") {
    CHECK(parse_number("1", "--depth", 1, 4096) == 1u);
    CHECK(parse_number("4096", "--depth", 1, 4096) == 4096u);
    for (const char* bad : {"0", "4097", "-1", "", "12x", "99999999999999999999999"}) {
        CAPTURE(bad);
        CHECK(!parse_number(bad, "--depth", 1, 4096));
    }
}

TEST_CASE("sizes are written in their shortest exact form") {
    CHECK(format_size(0) == "0");
    CHECK(format_size(513) == "513");
    CHECK(format_size(4096) == "4K");
    CHECK(format_size(1536ull << 20) == "1536M");
    CHECK(format_size(1ull << 40) == "1T");
}

TEST_CASE("an error is at most three lines: what, why, what to do") {
    error e{.operation = "open",
            .object = "/dev/ublk-control",
            .code = ENOENT,
            .why = "the driver is not loaded",
            .remedy = "modprobe ublk_drv"};
    CHECK(e.text() == "open: /dev/ublk-control: No such file or directory (ENOENT)\n"
                      "  why: the driver is not loaded\n"
                      "  do:  modprobe ublk_drv");
    CHECK(error{.operation = "size"}.text() == "size");
}

TEST_CASE("messages reach the sink, unless they are below the level") {
    std::vector<std::string> seen;
    set_log_sink([&](level, std::string_view message) { seen.emplace_back(message); });
    log(level::debug, "not this");
    log(level::warning, "this");
    set_log_sink({});
    CHECK(seen == std::vector<std::string>{"this"});
}
