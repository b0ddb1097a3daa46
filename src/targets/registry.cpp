// SPDX-License-Identifier: MIT
#include "targets/registry.hpp"

#include "targets/file/file.hpp"
#include "targets/mem/mem.hpp"
#include "targets/null/null.hpp"

namespace ashlar::targets {

std::span<const target_kind* const> all_kinds() {
    static constexpr const target_kind* kinds[] = {&file_kind, &mem_kind, &null_kind};
    return kinds;
}

const target_kind* find_kind(std::string_view name) {
    for (const target_kind* kind : all_kinds()) {
        if (kind->name == name) return kind;
    }
    return nullptr;
}

}  // namespace ashlar::targets
