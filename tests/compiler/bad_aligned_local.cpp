// SPDX-License-Identifier: MIT
// A variable of a coroutine that asks for more alignment than operator new gives by itself.
//
// To leave nothing to luck, operator new gives here what it owes and no more: 16 bytes. A compiler
// may align the variable within the frame or ask the aligned operator new for the frame.

#include "support.hpp"

#include <new>

using namespace sample;

void* operator new(std::size_t size) {
    auto* block = static_cast<std::byte*>(std::aligned_alloc(64, (size + 16 + 63) / 64 * 64));
    return block + 16;
}
void operator delete(void* block) noexcept { std::free(static_cast<std::byte*>(block) - 16); }
void operator delete(void* block, std::size_t) noexcept { operator delete(block); }

// Not inline, and by way of a volatile: a compiler believes in the alignment that it doesn't give.
[[gnu::noinline]] int distance(const volatile void* from) {
    const volatile void* volatile address = from;
    return static_cast<int>(reinterpret_cast<std::uintptr_t>(address) % 64);
}

[[gnu::noinline]] task<int> work() {
    alignas(64) volatile char block[64] = {};
    const int before = distance(&block[0]);
    co_await event();
    co_return before + distance(&block[0]);
}

int main() {
    expect("aligned local", 0, work());
    return verdict();
}
