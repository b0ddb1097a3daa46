// SPDX-License-Identifier: MIT
// What the seam promises of files, on Linux itself.
#include "os/machine.hpp"
#include "support/run_directory.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <thread>

using namespace ashlar;

TEST_CASE("a file is put in place whole, and a failure leaves the old one and no draft") {
    test::run_directory scratch;
    os::machine& m = os::linux_machine();
    const std::string path = scratch.path() + "/0.json";
    REQUIRE(m.replace_file(path, "one"));
    REQUIRE(m.replace_file(path, "two"));
    CHECK(m.read_text(path) == "two");
    CHECK(scratch.leftovers() == std::vector<std::string>{"0.json"});

    const std::string below = path + "/x";
    auto refused = m.replace_file(below, "three");
    REQUIRE(!refused);
    CHECK(refused.error().code == ENOTDIR);
    CHECK(refused.error().object.starts_with(below));

    const std::string directory = scratch.path() + "/directory";
    REQUIRE(m.make_directory(directory));
    refused = m.replace_file(directory, "four");
    REQUIRE(!refused);
    CHECK(refused.error().code == EISDIR);
    CHECK(scratch.leftovers() == std::vector<std::string>{"0.json", "directory"});

    m.remove_file(path);
    CHECK(!m.read_text(path));
}

TEST_CASE("a directory that is there is no error, one that can't be made is") {
    test::run_directory scratch;
    os::machine& m = os::linux_machine();
    const std::string path = scratch.path() + "/a";
    REQUIRE(m.make_directory(path));
    REQUIRE(m.make_directory(path));
    auto refused = m.make_directory(scratch.path() + "/b/c");
    REQUIRE(!refused);
    CHECK(refused.error().code == ENOENT);
    CHECK(refused.error().object == scratch.path() + "/b/c");
}

TEST_CASE("a locked path is had by one at a time") {
    test::run_directory scratch;
    os::machine& m = os::linux_machine();
    const std::string path = scratch.path() + "/lock";
    auto first = m.lock_path(path);
    REQUIRE(first);
    std::atomic<bool> mine = true;
    std::atomic<bool> torn = false;
    std::thread other([&] {
        auto second = m.lock_path(path);
        torn = !second || mine.load();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    mine = false;
    first->reset();
    other.join();
    CHECK(!torn);
}

TEST_CASE("a monitor's wait ends in time, or when somebody notifies") {
    auto monitor = os::linux_machine().make_monitor();
    monitor->lock();
    while (monitor->wait(1'000'000)) {}
    bool done = false;
    std::thread other([&] {
        monitor->lock();
        done = true;
        monitor->unlock();
        monitor->notify_all();
    });
    while (!done) monitor->wait(os::no_timeout);
    monitor->unlock();
    other.join();
}

TEST_CASE("memory is of zeros, at a page boundary, and numbers to mark things with differ") {
    os::machine& m = os::linux_machine();
    auto memory = m.allocate_memory(1 << 20);
    REQUIRE(memory);
    CHECK(reinterpret_cast<std::uintptr_t>(memory->data()) % m.page_bytes() == 0);
    CHECK(memory->front() == std::byte{0});
    memory->back() = std::byte{1};
    m.free_memory(*memory);
    auto refused = m.allocate_memory(std::size_t{1} << 62);
    REQUIRE(!refused);
    CHECK(refused.error().code == ENOMEM);
    CHECK(m.unguessable() != m.unguessable());
    CHECK(m.wall_clock_seconds() > 1'700'000'000);
}
