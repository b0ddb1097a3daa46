// SPDX-License-Identifier: MIT
// Memory with an alignment comes from outside the coroutine, which holds a pointer to it.

#include "support.hpp"

using namespace sample;

class pool {
public:
    std::byte* take() { return taken_ < blocks ? space_[taken_++] : nullptr; }
    void give_back() { --taken_; }

private:
    static constexpr int blocks = 4;
    alignas(64) std::byte space_[blocks][64];
    int taken_ = 0;
};

task<int> work(pool& from, int depth) {
    auto* block = from.take();
    if (block == nullptr) co_return 0;
    co_await event();
    const auto past = reinterpret_cast<std::uintptr_t>(block) % 64;
    expect("alignment of a block", past == 0);
    const int below = co_await work(from, depth + 1);
    from.give_back();
    co_return below + 1;
}

int main() {
    pool blocks;
    expect("blocks of a pool", 4, work(blocks, 0));
    return verdict();
}
