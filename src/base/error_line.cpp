// SPDX-License-Identifier: MIT
#include "base/error_line.hpp"

#include <nlohmann/json.hpp>

namespace ashlar {

std::string line_of(const error& e) {
    const nlohmann::ordered_json message = {
        {"operation", e.operation}, {"object", e.object}, {"code", e.code},  {"why", e.why},
        {"remedy", e.remedy},       {"rule", e.rule},     {"usage", e.usage}};
    return message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<error> error_in(std::string_view line) {
    const auto message = nlohmann::json::parse(line, nullptr, false);
    if (message.is_discarded() || !message.contains("operation")) return std::nullopt;
    try {
        return error{.operation = message.at("operation").get<std::string>(),
                     .object = message.at("object").get<std::string>(),
                     .code = message.at("code").get<int>(),
                     .why = message.at("why").get<std::string>(),
                     .remedy = message.at("remedy").get<std::string>(),
                     .rule = message.at("rule").get<std::string>(),
                     .usage = message.at("usage").get<bool>()};
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    }
}

}  // namespace ashlar
