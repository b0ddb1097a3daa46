// SPDX-License-Identifier: MIT
// memory_hog MIB SECONDS: has so much memory, writes to its pages in a random order for so long,
// and checks what it reads. Prints each second how many it has touched, so that who waits for a
// line knows whether it moves on.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sys/mman.h>

namespace {

constexpr std::uint64_t page = 4096;

std::uint64_t next(std::uint64_t& state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

}  // namespace

int main(int count, char** words) {
    if (count != 3) return 2;
    const std::uint64_t pages = std::strtoull(words[1], nullptr, 10) * 256;
    const std::time_t seconds = std::atoi(words[2]);
    void* at =
        ::mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return 1;
    auto* memory = static_cast<std::uint64_t*>(at);
    constexpr std::uint64_t words_a_page = page / sizeof(std::uint64_t);
    std::uint64_t state = 88172645463325252;
    std::uint64_t touched = 0;
    const std::time_t begin = std::time(nullptr);
    for (std::time_t said = begin; said - begin < seconds;) {
        const std::uint64_t which = touched < pages ? touched : next(state) % pages;
        std::uint64_t* mine = memory + which * words_a_page;
        const std::uint64_t mark = which * 0x9e3779b97f4a7c15;
        if (mine[0] != 0 && (mine[0] ^ mark) != mine[words_a_page - 1]) {
            std::printf("page %llu has changed\n", static_cast<unsigned long long>(which));
            return 1;
        }
        mine[0] = touched + 1;
        mine[words_a_page - 1] = mine[0] ^ mark;
        touched += 1;
        if (std::time(nullptr) == said) continue;
        said = std::time(nullptr);
        std::printf("%llu\n", static_cast<unsigned long long>(touched));
        std::fflush(stdout);
    }
    return 0;
}
