// SPDX-License-Identifier: MIT
#include "device/record.hpp"

#include "support/twin_machine.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdlib>

using namespace ashlar::device_room;
using ashlar::test::twin_machine;

namespace {

record sample() {
    return {.id = 3,
            .cookie = 0xfedcba9876543210,
            .pid = 99,
            .name = "disk",
            .kind = "mem",
            .lane = "plain copy",
            .size = 4096,
            .created = 1700000000,
            .recipe = "as before"};
}

}  // namespace

TEST_CASE("a record is read back as it was written, by who knows the device's cookie") {
    twin_machine m;
    REQUIRE(prepare_run_directory(m));
    REQUIRE(write_record(m, sample()));
    auto r = read_record(m, 3, sample().cookie);
    REQUIRE(r);
    CHECK(r->name == "disk");
    CHECK(r->kind == "mem");
    CHECK(r->cookie == sample().cookie);
    CHECK(r->pid == 99);
    CHECK(r->size == 4096);
    CHECK(r->recipe == "as before");
    CHECK(!read_record(m, 3, 1));
    CHECK(!read_record(m, 4, sample().cookie));
}

TEST_CASE("no part of a record is believed") {
    twin_machine m;
    REQUIRE(prepare_run_directory(m));
    REQUIRE(write_record(m, sample()));
    const std::string text = m.server().read_text(record_path(3)).value();
    REQUIRE(text.size() > 50);
    for (std::size_t length = 0; length + 1 < text.size(); ++length) {
        REQUIRE(m.server().replace_file(record_path(3), text.substr(0, length)));
        CHECK(!read_record(m, 3, sample().cookie));
    }
    for (std::size_t at = 0; at + 1 < text.size(); ++at) {
        std::string other = text;
        other[at] = other[at] == '7' ? '8' : '7';
        REQUIRE(m.server().replace_file(record_path(3), other));
        CHECK(!read_record(m, 3, sample().cookie));
        CHECK(all_records(m).empty());
    }
    REQUIRE(m.server().replace_file(record_path(3), "{\"id\": \"three\"}"));
    CHECK(!read_record(m, 3, sample().cookie));
    CHECK(all_records(m).empty());
}

TEST_CASE("the record of a newer device of the same id is left alone") {
    twin_machine m;
    REQUIRE(prepare_run_directory(m));
    REQUIRE(write_record(m, sample()));
    remove_record(m, 3, 12345);
    CHECK(read_record(m, 3, sample().cookie));
    remove_record(m, 3, sample().cookie);
    CHECK(m.text_files().empty());
}

TEST_CASE("a missing or full directory is an error that names it, with what to do") {
    twin_machine m;
    ::setenv("ASHLAR_RUN_DIR", "/nonexistent/x", 1);
    auto made = prepare_run_directory(m);
    auto locked = lock_run_directory(m);
    ::unsetenv("ASHLAR_RUN_DIR");
    REQUIRE(!made);
    CHECK(made.error().object == "/nonexistent/x");
    CHECK(made.error().code == ENOENT);
    CHECK(made.error().remedy.find("ASHLAR_RUN_DIR") != std::string::npos);
    REQUIRE(!locked);
    CHECK(locked.error().object == "/nonexistent/x/lock");

    REQUIRE(prepare_run_directory(m));
    m.fail_call(1, ENOSPC);
    auto written = write_record(m, sample());
    REQUIRE(!written);
    CHECK(written.error().operation == "write the device's record");
    CHECK(written.error().object == record_path(3));
    CHECK(written.error().why == "the file system for run-time data is full");
}
