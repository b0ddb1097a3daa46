// SPDX-License-Identifier: MIT
// The enumerated sequences: at least one for each rule that a process can reach, with what
// KERNEL.md says comes of it, and neighbours just inside the limits.
#pragma once

#include "make.hpp"

namespace agree {

sequences entry_sequences();       // U, D, P, FEAT
sequences add_sequences();         // ADD
sequences params_sequences();      // SET, PAR, GETP
sequences life_sequences();        // START, STOP, TRY, DEL, INFO, AFF, SIZE
sequences recovery_sequences();    // SREC, EREC, QUI, deaths
sequences io_sequences();          // IO, FETCH, COMMIT, NEED_GET_DATA
sequences zero_copy_sequences();   // REG, UNREG, automatic registration, RBUF, UBUF
sequences batch_sequences();       // B, BF
sequences file_sequences();        // OPEN, MMAP, UC
sequences disk_sequences();        // BLK
sequences enumerated_sequences();  // all of them

// Rules that no sequence here meets, and why.
struct unreachable {
    const char* rule;
    const char* why;
};
const std::vector<unreachable>& unreachable_rules();

// What sequences name besides rules: calls that break none.
struct accepted {
    const char* id;
    const char* what;
};
const std::vector<accepted>& accepted_calls();

std::vector<std::string> rule_ids();  // of src/rules, in their order

}  // namespace agree
