// SPDX-License-Identifier: MIT
#include "queue/refusal.hpp"

#include "rules/release.hpp"
#include "rules/values.hpp"

#include <fmt/format.h>

namespace ashlar::queue {

namespace {

rules::call fetch_of(const queue_spec& spec, std::uint64_t address) {
    rules::call c;
    rules::fill_usual_entry(c,
                            spec.raw_commands ? uapi::raw(uapi::io_op::fetch_req)
                                              : uapi::encoded(uapi::io_op::fetch_req),
                            rules::call::file_kind::character);
    c.q_id = spec.id;
    c.depth = spec.depth;
    c.io_address = address;
    return c;
}

}  // namespace

error explain_fetch(const queue_spec& spec, std::uint64_t address, int code) {
    error e{.operation = "FETCH_REQ",
            .object = fmt::format("queue {} of device {}", spec.id, spec.device),
            .code = code,
            .why = "the kernel refused to take a tag of the queue",
            .remedy = "see the kernel's log (dmesg)"};
    const rules::contract contract(rules::kernel_of_release(spec.machine->version().text));
    const rules::call call = fetch_of(spec, address);
    for (const auto& candidate : contract.candidates(rules::subject::fetch_req, call)) {
        const rules::row& r = *candidate.which;
        if (r.what != rules::effect::refuses || r.error_of || r.error != code) continue;
        e.rule = r.id;
        e.why = fmt::format("{} (rule {})", r.means, r.id);
        e.remedy = r.mend;
        break;
    }
    return e;
}

}  // namespace ashlar::queue
