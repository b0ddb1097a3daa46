// SPDX-License-Identifier: MIT
#include "twin/fiber_stack.hpp"

#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <new>
#include <sys/mman.h>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define ASHLAR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASHLAR_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define ASHLAR_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ASHLAR_TSAN 1
#endif
#endif

#ifdef ASHLAR_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#ifdef ASHLAR_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace ashlar::twin {

namespace {

constexpr std::size_t guard_bytes = 4096;

// Never destroyed: stacks may be given back while the program ends.
std::vector<std::byte*>& spare_stacks() {
    static auto* stacks = new std::vector<std::byte*>;
    return *stacks;
}

// What the run time keeps for each thread (the layout is the Itanium ABI's, __cxa_eh_globals).
struct exception_globals {
    void* caught;
    unsigned uncaught;
};

exception_globals& globals() {
    return *reinterpret_cast<exception_globals*>(__cxxabiv1::__cxa_get_globals());
}

}  // namespace

std::byte* fiber_stack::take() {
    if (!spare_stacks().empty()) {
        std::byte* stack = spare_stacks().back();
        spare_stacks().pop_back();
        return stack;
    }
    void* memory = ::mmap(nullptr, bytes + guard_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    ::mprotect(memory, guard_bytes, PROT_NONE);
    return static_cast<std::byte*>(memory) + guard_bytes;
}

void fiber_stack::give_back(std::byte* stack) {
#ifdef ASHLAR_ASAN
    __asan_unpoison_memory_region(stack, bytes);
#endif
    spare_stacks().push_back(stack);
}

void fiber_stack::abandon(std::byte* stack) {
#ifdef ASHLAR_ASAN
    __lsan_register_root_region(stack, bytes);
#else
    give_back(stack);
#endif
}

void prepare_fiber(fiber_context& f, void (*entry)()) {
    ::getcontext(&f.machine);
    f.machine.uc_stack.ss_sp = f.stack;
    f.machine.uc_stack.ss_size = fiber_stack::bytes;
    f.machine.uc_link = nullptr;
    f.bottom = f.stack;
    f.size = fiber_stack::bytes;
    ::makecontext(&f.machine, entry, 0);
#ifdef ASHLAR_TSAN
    f.tsan = __tsan_create_fiber(0);
#endif
}

void forget_fiber([[maybe_unused]] fiber_context& f) {
#ifdef ASHLAR_TSAN
    if (f.tsan != nullptr) __tsan_destroy_fiber(f.tsan);
    f.tsan = nullptr;
#endif
}

void switch_fiber(fiber_context& from, fiber_context& to, [[maybe_unused]] bool for_good) {
    from.caught = globals().caught;
    from.uncaught = globals().uncaught;
    globals() = {to.caught, to.uncaught};
#ifdef ASHLAR_ASAN
    __sanitizer_start_switch_fiber(for_good ? nullptr : &from.fake_stack, to.bottom, to.size);
#endif
#ifdef ASHLAR_TSAN
    if (from.stack == nullptr) from.tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to.tsan, 0);
#endif
    ::swapcontext(&from.machine, &to.machine);
#ifdef ASHLAR_ASAN
    __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void arrive_on_fiber([[maybe_unused]] fiber_context& me, [[maybe_unused]] fiber_context& from) {
#ifdef ASHLAR_ASAN
    __sanitizer_finish_switch_fiber(nullptr, &from.bottom, &from.size);
#endif
}

}  // namespace ashlar::twin
