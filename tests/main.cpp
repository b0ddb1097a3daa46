// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT
#include "support/twin_machine.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <string_view>

namespace {

constexpr std::string_view twin_option = "--twin=";

// Takes ",word" off the end.
bool take_word(std::string_view& text, std::string_view word) {
    if (!text.ends_with(word)) return false;
    text.remove_suffix(word.size());
    return true;
}

bool choose_twin(std::string_view text) {
    auto& chosen = ashlar::test::chosen_twin();
    using enum ashlar::lane;
    chosen.threads = take_word(text, ",threads");
    if (take_word(text, ",batch")) chosen.delivery = ashlar::delivery::in_batches;
    if (take_word(text, ",tag")) chosen.delivery = ashlar::delivery::by_tag;
    if (take_word(text, ",plain")) chosen.lane = plain_copy;
    if (take_word(text, ",user-copy")) chosen.lane = user_copy;
    if (take_word(text, ",zero-copy-manual")) chosen.lane = zero_copy_manual;
    if (take_word(text, ",zero-copy")) chosen.lane = zero_copy;
    if (take_word(text, ",shared-memory")) chosen.lane = shared_memory;
    if (take_word(text, ",in-place")) chosen.lane = in_place;
    chosen.version = text;
    return ashlar::rules::kernel_named(text).has_value();
}

}  // namespace

// Besides doctest's own options: --twin=VERSION[,LANE][,DELIVERY][,threads], words as ashlar's.
int main(int count, char** words) {
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        if (word.starts_with(twin_option) && !choose_twin(word.substr(twin_option.size()))) {
            std::fprintf(stderr, "%s: unknown kernel\n", words[i]);
            return 2;
        }
    }
    doctest::Context context(count, words);
    return context.run();
}

// A server that a simulation kills where it starts a thread has the thread's object in a register.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:ashlar::queue::serving_thread::start\n";
}
