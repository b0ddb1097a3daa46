// SPDX-License-Identifier: MIT
#include "enumerated.hpp"

namespace agree {

sequences enumerated_sequences() {
    sequences all;
    for (auto* part : {&entry_sequences, &add_sequences, &params_sequences, &life_sequences,
                       &recovery_sequences, &io_sequences, &file_sequences, &disk_sequences,
                       &zero_copy_sequences, &batch_sequences}) {
        for (sequence& s : part()) all.push_back(std::move(s));
    }
    return all;
}

}  // namespace agree
