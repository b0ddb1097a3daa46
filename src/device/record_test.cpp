// SPDX-License-Identifier: MIT
#include "device/record.hpp"

#include "support/run_directory.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

using namespace ashlar::device_room;
namespace test = ashlar::test;

namespace {

record sample() {
    return {.id = 3,
            .cookie = 0xfedcba9876543210,
            .pid = 99,
            .name = "disk",
            .kind = "mem",
            .lane = "plain copy",
            .size = 4096,
            .created = 1700000000};
}

std::string whole_text() {
    std::ifstream in(record_path(3));
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("a record is read back as it was written, by who knows the device's cookie") {
    test::run_directory run;
    REQUIRE(write_record(sample()));
    auto r = read_record(3, sample().cookie);
    REQUIRE(r);
    CHECK(r->name == "disk");
    CHECK(r->kind == "mem");
    CHECK(r->cookie == sample().cookie);
    CHECK(r->pid == 99);
    CHECK(r->size == 4096);
    CHECK(!read_record(3, 1));
    CHECK(!read_record(4, sample().cookie));
}

TEST_CASE("no part of a record is believed") {
    test::run_directory run;
    REQUIRE(write_record(sample()));
    const std::string text = whole_text();
    REQUIRE(text.size() > 50);
    for (std::size_t length = 0; length + 1 < text.size(); ++length) {
        std::ofstream(record_path(3), std::ios::trunc) << text.substr(0, length);
        CHECK(!read_record(3, sample().cookie));
    }
    std::ofstream(record_path(3), std::ios::trunc) << "{\"id\": \"three\"}";
    CHECK(!read_record(3, sample().cookie));
    CHECK(all_records().empty());
}

TEST_CASE("the record of a newer device of the same id is left alone") {
    test::run_directory run;
    REQUIRE(write_record(sample()));
    remove_record(3, 12345);
    CHECK(read_record(3, sample().cookie));
    remove_record(3, sample().cookie);
    CHECK(run.leftovers().empty());
}

TEST_CASE("a full or missing directory is an error that names it") {
    ::setenv("ASHLAR_RUN_DIR", "/dev/full/x", 1);
    auto made = prepare_run_directory();
    REQUIRE(!made);
    CHECK(made.error().text().find("/dev/full/x") != std::string::npos);
    ::unsetenv("ASHLAR_RUN_DIR");
}
