// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT
#include "support/twin_machine.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <string_view>

namespace {

constexpr std::string_view twin_option = "--twin=";
constexpr std::string_view threads = ",threads";

bool choose_twin(std::string_view text) {
    auto& chosen = ashlar::test::chosen_twin();
    chosen.threads = text.ends_with(threads);
    if (chosen.threads) text.remove_suffix(threads.size());
    chosen.version = text;
    return ashlar::rules::kernel_named(text).has_value();
}

}  // namespace

// Besides doctest's own options: --twin=VERSION[,threads].
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
