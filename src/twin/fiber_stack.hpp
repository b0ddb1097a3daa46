// SPDX-License-Identifier: MIT
// Stacks of the stepped executor's tasks, and switching between them, as the sanitizers want to be
// told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ucontext.h>

namespace ashlar::twin {

// Stacks with a guard page below; what is given back is used again.
class fiber_stack {
public:
    static constexpr std::size_t bytes = 512 * 1024;
    static std::byte* take();
    static void give_back(std::byte* stack);
    // Of a task that ended in the middle: what its stack points to must not count as a leak.
    static void abandon(std::byte* stack);
};

// One side of a switch.
struct fiber_context {
    ucontext_t machine = {};
    std::byte* stack = nullptr;  // null: the thread's own
    // Of the C++ run time: exceptions under way.
    void* caught = nullptr;
    unsigned uncaught = 0;
    // Of the sanitizers.
    void* fake_stack = nullptr;
    const void* bottom = nullptr;
    std::size_t size = 0;
    void* tsan = nullptr;
};

void prepare_fiber(fiber_context& f, void (*entry)());
// For a fiber that will never run again; its stack is the caller's business.
void forget_fiber(fiber_context& f);
// Goes on in `to`; comes back when something switches to `from`. `for_good`: it never does.
void switch_fiber(fiber_context& from, fiber_context& to, bool for_good = false);
// The first thing on a new stack.
void arrive_on_fiber(fiber_context& me, fiber_context& from);

}  // namespace ashlar::twin
