// SPDX-License-Identifier: MIT
// The rules that a call may have broken, the most likely first.
#pragma once

#include "explain/evidence.hpp"

#include <string>
#include <vector>

namespace ashlar::explain {

enum class when : std::uint8_t { unknown, immediately, late, never };
enum class certainty : std::uint8_t { certain, likely, possible };

// What was seen of the outcome.
struct outcome {
    int error = 0;  // positive; 0 if none was told
    bool accepted = false;
    enum when when = when::unknown;
    std::vector<std::string_view> log = {};  // lines of the kernel's log
};

struct verdict {
    const rules::row* rule = nullptr;  // null for what is no rule of the kernel
    std::string id;
    certainty sure = certainty::possible;
    int error = 0;  // 0: it waits, or changes something without a word
    std::string means;
    std::string value;  // the offending one
    std::string mend;
    std::string look;     // what tells it from the others
    bool behind = false;  // a further rule, met once the first one is kept
};

struct judgement {
    std::vector<verdict> verdicts;
    std::vector<std::string> notes;
};

judgement judge(const evidence& seen, const outcome& told);

std::string_view name(certainty c);
// How often people break the rule, where nothing else tells: a rank, not a probability.
int weight_of(std::string_view rule);
// The same for a call with such values.
int weight_with(const evidence& seen, std::string_view rule);
// "EINVAL", "waits", "no error".
std::string effect_text(const verdict& v);

}  // namespace ashlar::explain
