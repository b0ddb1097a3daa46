// SPDX-License-Identifier: MIT
#include "enumerated.hpp"

namespace agree {

sequences enumerated_sequences() {
    sequences all;
    for (auto* part : {&entry_sequences, &add_sequences, &params_sequences}) {
        for (sequence& s : part()) all.push_back(std::move(s));
    }
    return all;
}

}  // namespace agree
