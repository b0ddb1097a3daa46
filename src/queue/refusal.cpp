// SPDX-License-Identifier: MIT
#include "queue/refusal.hpp"

#include "rules/release.hpp"
#include "rules/values.hpp"

#include <fmt/format.h>

namespace ashlar::queue {

namespace {

rules::call fetch_of(const queue_spec& spec, uapi::io_op op, std::uint64_t address) {
    rules::call c;
    rules::fill_usual_entry(c, spec.raw_commands ? uapi::raw(op) : uapi::encoded(op),
                            rules::call::file_kind::character);
    c.q_id = spec.id;
    c.depth = spec.depth;
    c.io_address = address;
    return c;
}

}  // namespace

error explain_fetch(const queue_spec& spec, std::uint64_t address, int code) {
    const auto op = spec.in_batches ? uapi::io_op::prep_io_cmds : uapi::io_op::fetch_req;
    error e{.operation = spec.in_batches ? "PREP_IO_CMDS" : "FETCH_REQ",
            .object = fmt::format("queue {} of device {}", spec.id, spec.device),
            .code = code,
            .why = "the kernel refused to take a tag of the queue",
            .remedy = "see the kernel's log (dmesg)"};
    const rules::contract contract(rules::kernel_of_release(spec.machine->version().text));
    const rules::call call = fetch_of(spec, op, address);
    const auto about = spec.in_batches ? rules::subject::prep_element : rules::subject::fetch_req;
    for (const auto& candidate : contract.candidates(about, call)) {
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
