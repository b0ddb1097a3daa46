// SPDX-License-Identifier: MIT
#include <ashlar/option.hpp>

#include <ashlar/size.hpp>

namespace ashlar {

result<std::uint64_t> option_values::size(std::string_view name, std::uint64_t otherwise) const {
    auto found = given_.find(name);
    if (found == given_.end()) return otherwise;
    return parse_size(found->second, "--" + found->first);
}

result<std::uint64_t> option_values::number(std::string_view name, std::uint64_t otherwise,
                                            std::uint64_t low, std::uint64_t high) const {
    auto found = given_.find(name);
    if (found == given_.end()) return otherwise;
    return parse_number(found->second, "--" + found->first, low, high);
}

}  // namespace ashlar
