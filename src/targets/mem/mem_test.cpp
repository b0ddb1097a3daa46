// SPDX-License-Identifier: MIT
#include "targets/mem/mem.hpp"

#include "support/run_directory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

using namespace ashlar;
using namespace ashlar::targets;

namespace {

// Sanitizers keep books about memory in memory: what is resident tells nothing there.
#if defined(__has_feature)
constexpr bool memory_has_shadow =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool memory_has_shadow = false;
#endif

std::shared_ptr<mem_disk> make(std::uint64_t bytes, huge_pages pages = huge_pages::no,
                               std::string root = "") {
    auto disk = mem_disk::make(bytes, pages, std::make_unique<memory_budget>(std::move(root)));
    REQUIRE(disk);
    return *disk;
}

void read(const mem_disk& disk, std::uint64_t at, std::span<std::byte> into) {
    data_out out(into);
    disk.read(at, out);
    CHECK(!out.end());
}

std::error_code write(mem_disk& disk, std::uint64_t at, std::span<const std::byte> from) {
    data_in in(from);
    return disk.write(at, in);
}

std::uint64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t whole = 0;
    std::uint64_t resident = 0;
    statm >> whole >> resident;
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("a RAM disk is what was written to it, and zeros elsewhere") {
    for (huge_pages pages : {huge_pages::no, huge_pages::transparent}) {
        constexpr std::uint64_t bytes = 8 << 20;
        auto disk = make(bytes, pages);
        std::vector<std::byte> shadow(bytes);
        std::mt19937_64 random(42);
        for (int round = 0; round < 3000; ++round) {
            const std::uint64_t at = random() % (bytes / 512) * 512;
            const std::uint64_t most = std::min<std::uint64_t>(bytes - at, 300 * 1024);
            const std::uint64_t length = 512 + random() % (most / 512) * 512;
            const auto place = shadow.begin() + static_cast<std::ptrdiff_t>(at);
            const auto count = static_cast<std::ptrdiff_t>(std::min(length, bytes - at));
            CAPTURE(at);
            CAPTURE(count);
            switch (random() % 4) {
                case 0: {
                    std::vector<std::byte> data(static_cast<std::size_t>(count));
                    std::ranges::generate(data, [&] { return static_cast<std::byte>(random()); });
                    REQUIRE(!write(*disk, at, data));
                    std::ranges::copy(data, place);
                    break;
                }
                case 1:
                    REQUIRE(!disk->discard(at, static_cast<std::uint64_t>(count)));
                    std::fill(place, place + count, std::byte{0});
                    break;
                case 2:
                    REQUIRE(!disk->write_zeroes(at, static_cast<std::uint64_t>(count)));
                    std::fill(place, place + count, std::byte{0});
                    break;
                default: {
                    std::vector<std::byte> data(static_cast<std::size_t>(count), std::byte{0xee});
                    read(*disk, at, data);
                    REQUIRE(std::equal(data.begin(), data.end(), place));
                }
            }
        }
    }
}

TEST_CASE("memory is taken by writing only, and discard gives it back" *
          doctest::skip(memory_has_shadow)) {
    const std::uint64_t before = resident_bytes();
    auto disk = make(std::uint64_t{4} << 40);
    std::vector<std::byte> data(1 << 20, std::byte{1});
    for (std::uint64_t at = 0; at < 64 << 20; at += data.size()) read(*disk, at, data);
    CHECK(resident_bytes() < before + (8 << 20));
    std::ranges::fill(data, std::byte{1});
    for (std::uint64_t at = 0; at < 64 << 20; at += data.size()) REQUIRE(!write(*disk, at, data));
    CHECK(resident_bytes() > before + (60 << 20));
    CHECK(!write(*disk, disk->size() - data.size(), data));
    REQUIRE(!disk->discard(0, 64 << 20));
    CHECK(resident_bytes() < before + (16 << 20));
    read(*disk, 0, data);
    CHECK(std::ranges::all_of(data, [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE("a write that would take everybody's memory is refused") {
    test::run_directory root;
    std::filesystem::create_directories(root.path() + "/proc");
    auto set_available = [&](std::uint64_t mebibytes) {
        std::ofstream(root.path() + "/proc/meminfo")
            << "MemTotal:       1048576 kB\nMemFree:  1 kB\nMemAvailable:   " << mebibytes * 1024
            << " kB\n";
    };
    set_available(512);
    auto disk = make(1 << 30, huge_pages::no, root.path());
    std::vector<std::byte> data(64 << 10, std::byte{3});
    CHECK(!write(*disk, 0, data));
    set_available(70);
    // What was granted in one go may still be used up; then it is over.
    std::error_code failed;
    std::uint64_t at = data.size();
    for (; !failed && at < 64 << 20; at += data.size()) failed = write(*disk, at, data);
    CHECK(failed == io_error(ENOSPC));
    CHECK(at <= memory_budget::step + 2 * data.size());
    // What is there can be overwritten, and read.
    CHECK(!write(*disk, 0, data));
    read(*disk, 0, data);
    CHECK(data[5] == std::byte{3});
}

TEST_CASE("the limits of control groups count, those of the groups above as well") {
    test::run_directory root;
    const std::string group = root.path() + "/sys/fs/cgroup/a/b";
    std::filesystem::create_directories(group);
    std::filesystem::create_directories(root.path() + "/proc/self");
    std::ofstream(root.path() + "/proc/meminfo")
        << "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n";
    std::ofstream(root.path() + "/proc/self/cgroup") << "0::/a/b\n";
    std::ofstream(group + "/memory.max") << "max\n";
    std::ofstream(group + "/memory.current") << "1000\n";
    memory_budget budget(root.path());
    CHECK(budget.available() > std::uint64_t{3} << 30);
    std::ofstream(root.path() + "/sys/fs/cgroup/a/memory.max") << (256 << 20) << "\n";
    std::ofstream(root.path() + "/sys/fs/cgroup/a/memory.current") << (200 << 20) << "\n";
    CHECK(budget.available() == (48 << 20));
    std::ofstream(root.path() + "/sys/fs/cgroup/a/memory.stat")
        << "anon 1\nfile 9\ninactive_file " << (60 << 20) << "\nactive_file " << (40 << 20) << "\n";
    CHECK(budget.available() == (148 << 20));
}

TEST_CASE("what was written to memory with a descriptor is there for the next disk of it") {
    constexpr std::uint64_t bytes = 4 << 20;
    auto file = mem_disk::make_memory(bytes, huge_pages::no);
    REQUIRE(file);
    const auto disk_of_it = [&] {
        auto disk = mem_disk::make(bytes, huge_pages::no, std::make_unique<memory_budget>(), *file);
        REQUIRE(disk);
        return *disk;
    };
    std::vector<std::byte> shadow(bytes);
    const std::vector<std::byte> part(100'000, std::byte{7});
    auto disk = disk_of_it();
    for (const std::uint64_t at : {0ULL, 1'000'448ULL, 3'000'320ULL}) {
        REQUIRE(!write(*disk, at, part));
        std::ranges::copy(part, shadow.begin() + static_cast<std::ptrdiff_t>(at));
    }
    REQUIRE(!disk->discard(4096, 90'112));
    std::fill_n(shadow.begin() + 4096, 90'112, std::byte{});
    std::vector<std::byte> found(bytes);
    for (int server = 0; server < 2; ++server) {
        read(*disk, 0, found);
        CHECK(found == shadow);
        disk = disk_of_it();
    }
    REQUIRE(!disk->write_zeroes(0, bytes));
    disk = disk_of_it();
    read(*disk, 0, found);
    CHECK(found == std::vector<std::byte>(bytes));
    // All of it was given back.
    CHECK(::lseek(*file, 0, SEEK_DATA) < 0);
    ::close(*file);
}

TEST_CASE("an impossible size is refused in words") {
    auto disk =
        mem_disk::make(std::uint64_t{1} << 62, huge_pages::no, std::make_unique<memory_budget>());
    REQUIRE(!disk);
    CHECK(disk.error().object == "4E");
    CHECK(!disk.error().remedy.empty());
}
