// SPDX-License-Identifier: MIT
// An explanation for programs.
#include <nlohmann/json.hpp>

#include "explain/print.hpp"

#include <ashlar/error.hpp>

namespace ashlar::explain {

namespace {

using json = nlohmann::ordered_json;

json to_object(const verdict& v) {
    json j = {{"rule", v.id},      {"certainty", name(v.sure)},
              {"errno", nullptr},  {"effect", effect_text(v)},
              {"means", v.means},  {"value", v.value},
              {"do", v.mend},      {"look", v.look},
              {"behind", v.behind}};
    if (v.error != 0) j["errno"] = v.error;
    if (v.rule != nullptr) {
        j["kernels"] = v.rule->kernels.text();
        j["source"] = v.rule->source;
    }
    return j;
}

json to_object(const finding& f) {
    constexpr std::string_view kinds[] = {"failure", "symptom", "bytes", "number"};
    json j = {{"kind", kinds[static_cast<std::size_t>(f.what)]},
              {"title", f.title},
              {"lines", f.lines},
              {"fields", json::array()},
              {"verdicts", json::array()},
              {"notes", f.notes}};
    for (const field& one : f.fields) {
        j["fields"].push_back({{"name", one.name},
                               {"offset", one.offset},
                               {"bytes", one.bytes},
                               {"value", one.value}});
    }
    for (const verdict& v : f.verdicts) j["verdicts"].push_back(to_object(v));
    return j;
}

}  // namespace

std::string to_json(const explanation& e) {
    json j = {{"kernel", e.kernel},
              {"kernel_from", e.kernel_from},
              {"explained", e.explained()},
              {"findings", json::array()},
              {"not_understood", json::array()}};
    for (const finding& f : e.findings) j["findings"].push_back(to_object(f));
    for (const unread& u : e.not_understood) {
        j["not_understood"].push_back({{"line", u.line}, {"text", u.text}});
    }
    // Texts of others may have bytes that are no UTF-8.
    return j.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace ashlar::explain
