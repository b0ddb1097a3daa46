// SPDX-License-Identifier: MIT
#include "targets/mem/mem.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fcntl.h>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

using namespace ashlar;
using namespace ashlar::targets;

namespace {

std::shared_ptr<mem_disk> disk_of(std::uint64_t bytes, int file,
                                  huge_pages pages = huge_pages::no) {
    auto disk = mem_disk::make(bytes, pages, std::make_unique<memory_budget>(), file);
    REQUIRE(disk);
    return *disk;
}

std::vector<std::byte> content_of(const mem_disk& disk) {
    std::vector<std::byte> all(disk.size(), std::byte{0xee});
    data_out out(all);
    disk.read(0, out);
    REQUIRE(!out.end());
    return all;
}

}  // namespace

TEST_CASE("a RAM disk of any size is what was written within its end, and zeros elsewhere") {
    auto file = mem_disk::make_memory(1 << 20, huge_pages::no);
    REQUIRE(file);
    for (const int memory : {-1, *file}) {
        auto disk = disk_of(1 << 20, memory);
        std::vector<std::byte> shadow(1 << 20);
        std::mt19937_64 random(7);
        for (int round = 0; round < 60; ++round) {
            CAPTURE(round);
            const std::uint64_t bytes = (random() % 8000 + 1) * 512;
            REQUIRE(disk->resize(bytes));
            shadow.resize(bytes);
            REQUIRE(disk->size() == bytes);
            REQUIRE(content_of(*disk) == shadow);
            for (int writes = 0; writes < 4; ++writes) {
                const std::uint64_t at = random() % (bytes / 512) * 512;
                const std::vector<std::byte> data(std::min<std::uint64_t>(bytes - at, 70'144),
                                                  std::byte(random() % 255 + 1));
                data_in in(data);
                REQUIRE(!disk->write(at, in));
                std::ranges::copy(data, shadow.begin() + static_cast<std::ptrdiff_t>(at));
            }
        }
        REQUIRE(content_of(*disk) == shadow);
        if (memory < 0) continue;
        // The next server of the same memory, which has the last size.
        disk = disk_of(disk->size(), memory);
        CHECK(content_of(*disk) == shadow);
        struct stat now = {};
        REQUIRE(::fstat(memory, &now) == 0);
        CHECK(static_cast<std::uint64_t>(now.st_size) == (shadow.size() + 4095) / 4096 * 4096);
    }
    ::close(*file);
}

TEST_CASE("what a killed server was about to give back does not come to light") {
    auto file = mem_disk::make_memory(1 << 20, huge_pages::no);
    REQUIRE(file);
    {
        auto disk = disk_of(1 << 20, *file);
        const std::vector<std::byte> data(1 << 20, std::byte{7});
        data_in in(data);
        REQUIRE(!disk->write(0, in));
    }
    auto disk = disk_of(100'352, *file);
    REQUIRE(disk->resize(1 << 20));
    const auto all = content_of(*disk);
    CHECK(std::ranges::count(all, std::byte{7}) == 100'352);
    CHECK(std::ranges::count(all, std::byte{0}) == (1 << 20) - 100'352);
    ::close(*file);
}

TEST_CASE("a RAM disk that can't grow keeps its size and what it holds") {
    auto disk = disk_of(1 << 20, -1);
    const std::vector<std::byte> data(4096, std::byte{7});
    data_in in(data);
    REQUIRE(!disk->write(8192, in));
    for (const std::uint64_t bytes : {std::uint64_t{1} << 62, ~std::uint64_t{0}}) {
        auto refused = disk->resize(bytes);
        REQUIRE(!refused);
        CHECK(!refused.error().remedy.empty());
        CHECK(disk->size() == 1 << 20);
    }
    CHECK(std::ranges::count(content_of(*disk), std::byte{7}) == 4096);
}
