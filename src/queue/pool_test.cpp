// SPDX-License-Identifier: MIT
#include "queue/pool.hpp"

#include "support/twin_machine.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstring>
#include <random>

using namespace ashlar;

TEST_CASE("a pool's buffers are large enough, apart from each other, and used again") {
    test::twin_machine m;
    {
        queue::pool buffers(m);
        struct held {
            std::byte* at;
            std::size_t bytes;
            int mark;
        };
        std::vector<held> all;
        std::mt19937 random(1);
        for (int round = 0; round < 2000; ++round) {
            if (all.size() < 40 && random() % 2 == 0) {
                const std::size_t bytes = 512 + random() % (1 << (9 + random() % 12));
                std::byte* at = buffers.take(bytes);
                REQUIRE(at != nullptr);
                CHECK(reinterpret_cast<std::uintptr_t>(at) % 4096 == 0);
                const int mark = static_cast<int>(random() % 256);
                std::memset(at, mark, bytes);
                all.push_back({at, bytes, mark});
            } else if (!all.empty()) {
                const held one = all[random() % all.size()];
                for (std::size_t n = 0; n < one.bytes; ++n) {
                    REQUIRE(one.at[n] == std::byte(one.mark));
                }
                buffers.give_back(one.at, one.bytes);
                std::erase_if(all, [&](const held& h) { return h.at == one.at; });
            }
        }
        // The same once more takes nothing of the system.
        std::byte* first = buffers.take(300 << 10);
        buffers.give_back(first, 300 << 10);
        m.fail_call(1, ENOMEM);
        CHECK(buffers.take(512 << 10) == first);
        CHECK(buffers.take(16 << 20) == nullptr);
    }
    CHECK(m.leaks() == "");
}
