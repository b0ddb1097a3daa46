// SPDX-License-Identifier: MIT
// For each rule a call that breaks exactly it: what a person has of it, the bytes and the errno, is
// given to explain, which must name the rule.
#include "explain/judge.hpp"
#include "support/broken_calls.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

using namespace ashlar;
using namespace ashlar::explain;
using rules::scene;
using rules::subject;

namespace {

template <class T>
void put(std::span<std::uint8_t> bytes, std::size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
}
template <class T>
std::span<const std::uint8_t> raw(const T& of) {
    return {reinterpret_cast<const std::uint8_t*>(&of), sizeof of};
}

uapi::ctrl_cmd header_of(const scene& s) {
    const bool path = s.c.path_length.value() != 0;
    uapi::ctrl_cmd h{.dev_id = s.c.dev_id.value(),
                     .queue_id = s.c.queue_id.value(),
                     .len = path ? s.c.length.value() : s.c.payload_length.value(),
                     .addr = path ? s.c.address.value() : s.c.payload_address.value(),
                     .data = {s.c.data.value()},
                     .dev_path_len = s.c.path_length.value()};
    // A length that the path step leaves is the sum of both.
    if (path && s.c.payload_length.value() < 64) {
        h.len = static_cast<std::uint16_t>(s.c.payload_length.value() + h.dev_path_len);
    }
    if (path && s.c.length.value() < h.dev_path_len) h.len = s.c.length.value();
    return h;
}

std::vector<std::uint8_t> entry_of(const scene& s) {
    const bool wide = s.c.wide_entry.value() && explain::is_control(s.about);
    std::vector<std::uint8_t> b(wide ? 128 : 64);
    b[0] = s.c.opcode.value();
    b[1] = s.c.entry_flags.value();
    put(b, 2, s.c.ioprio.value());
    put(b, 4, 3);
    put(b, 8, s.c.command_number.value());
    put(b, 12, s.c.pad1.value());
    put(b, 16, s.c.entry_address.value());
    put(b, 28, s.c.command_flags.value());
    if (!s.c.personality_known.value()) put(b, 42, std::uint16_t{7});
    if (explain::is_control(s.about)) {
        const uapi::ctrl_cmd h = header_of(s);
        std::memcpy(b.data() + 48, &h, wide ? sizeof h : 16);
    } else if (s.about >= subject::prep_io_cmds) {
        std::memcpy(b.data() + 48, &s.batch, 16);
        if (s.c.multishot.value()) put(b, 28, s.c.command_flags.value());
    } else {
        const uapi::io_cmd i{.q_id = s.c.q_id.value(),
                             .tag = s.c.tag.value(),
                             .result = s.c.result.value(),
                             .addr = s.c.io_address.value()};
        std::memcpy(b.data() + 48, &i, 16);
    }
    return b;
}

uapi::ctrl_dev_info device_of(const scene& s) {
    return {.nr_hw_queues = s.c.queues.value(),
            .queue_depth = s.c.depth.value(),
            .state = static_cast<std::uint16_t>(s.c.state.value()),
            .max_io_buf_bytes = s.c.max_io.value(),
            .dev_id = 3,
            .flags = s.c.flags.value()};
}

bool is_element(subject s) { return s == subject::prep_element || s == subject::commit_element; }

// What somebody has who made the call: no state of the driver but what it told.
void fill(evidence& seen, const scene& s, bool with_device) {
    seen.about = s.about;
    if (with_device) {
        // Who made the ring knows how.
        seen.c.polled_ring = s.c.polled_ring;
        seen.c.restricted = s.c.restricted;
    }
    if (explain::is_file(s.about)) {
        seen.c.map_writable = s.c.map_writable;
        seen.c.map_shared = s.c.map_shared;
        seen.c.bytes = s.c.bytes;
        seen.c.position = s.c.position;
        seen.c.opened_for_reading = s.c.opened_for_reading;
        seen.c.opened_for_writing = s.c.opened_for_writing;
    } else if (is_element(s.about)) {
        seen.c.tag = s.c.tag;
        seen.c.io_address = s.c.io_address;
        seen.c.result = s.c.result;
    } else {
        seen.take_entry(entry_of(s));
        seen.about = s.about;
    }
    if (s.about == subject::add_dev) {
        seen.take_info(raw(s.info));
    } else if (with_device && s.about != subject::get_features) {
        const uapi::ctrl_dev_info d = device_of(s);
        seen.take_device(raw(d));
        // The parameters that were sent before.
        if (s.about == subject::start_dev) seen.c.stored_types = s.c.stored_types;
    }
    if (s.about == subject::set_params) {
        uapi::params p = s.params;
        p.len = s.c.params_length.value() == 64 ? sizeof p : s.c.params_length.value();
        if (s.c.params_types.value() != s.params.types && p.types == uapi::param_type_basic) {
            p.types = s.c.params_types.value();
        }
        seen.take_params(raw(p));
    }
    if (s.about == subject::get_params) seen.c.params_length = s.c.params_length;
    if (s.about == subject::reg_buf) seen.take_buffer(raw(s.buffer));
    if (s.c.payload_readable.known() && !s.c.payload_readable.value()) {
        seen.c.payload_readable.forget();
    }
    seen.c.payload_head_readable.forget();
    seen.settle();
}

const rules::row* answer_of(const scene& s) {
    const rules::contract rules(s.k);
    for (rules::stage where : {rules::stage::ring, rules::stage::driver}) {
        if (const auto* r = rules.first_broken(s.about, s.c, where)) return r;
    }
    return nullptr;
}

// Whether another rule would refuse the call, too: a command that the kernel does not know at all.
bool breaks_more(const scene& s, const rules::row& answer) {
    const rules::contract rules(s.k);
    const auto refuses = [&](const rules::row* r) {
        return r->what == rules::effect::refuses && r->id != answer.id && r->breaks &&
               r->breaks(s.k, s.c).yes();
    };
    return std::ranges::any_of(rules.rows_of(s.about, rules::stage::driver), refuses);
}

struct score {
    int cases = 0, first = 0, in_three = 0;
    std::set<std::string> rules_all;
    std::map<std::string, int> rules_missed;
    std::vector<std::string> late;
};

void count(score& sum, const scene& s, const rules::row& answer, bool with_device) {
    // An answer that needs no refusal has nobody who asks why.
    evidence seen(s.k);
    fill(seen, s, with_device);
    outcome told;
    if (answer.what == rules::effect::blocks) told.when = when::never;
    else told.error = answer.code(s.c);
    const judgement j = judge(seen, told);
    const auto found = std::ranges::find(j.verdicts, answer.id, &verdict::id);
    const auto place = found - j.verdicts.begin();
    const std::string rule = fmt::format("{} {}", answer.id, told.error);
    ++sum.cases;
    sum.rules_all.insert(rule);
    if (place == 0 && found != j.verdicts.end()) ++sum.first;
    else ++sum.rules_missed[rule];
    if (place < 3 && found != j.verdicts.end()) {
        ++sum.in_three;
        return;
    }
    std::string instead;
    for (std::size_t i = 0; i < std::min<std::size_t>(3, j.verdicts.size()); ++i) {
        instead += " " + j.verdicts[i].id;
    }
    sum.late.push_back(fmt::format("{} {} {} {}: place {} of {}, first{}", s.k.name(),
                                   explain::name(s.about), answer.id, told.error, place,
                                   j.verdicts.size(), instead));
}

score score_of(bool with_device) {
    score sum;
    std::set<std::string> done;
    for (const rules::kernel& k : rules::personalities()) {
        for (const auto group : rules::all_breakages()) {
            for (const rules::breakage& b : group) {
                for (int i = 1; i <= static_cast<int>(subject::open_block); ++i) {
                    scene s(k, static_cast<subject>(i));
                    if (!s.c.command_number.known()) s.c.command_number = 0u;
                    b.make(s);
                    const auto* answer = answer_of(s);
                    if (answer == nullptr || answer->id != b.id) continue;
                    if (breaks_more(s, *answer)) continue;
                    const auto key =
                        fmt::format("{} {} {}", k.name(), i, static_cast<const void*>(answer));
                    if (!done.insert(key).second) continue;
                    count(sum, s, *answer, with_device);
                }
            }
        }
    }
    return sum;
}

void print(const char* what, const score& s) {
    const int rules = static_cast<int>(s.rules_all.size());
    MESSAGE(fmt::format("{}: {} calls; {} named first ({:.1f} %), {} in the first three "
                        "({:.1f} %); of {} rules {} always first",
                        what, s.cases, s.first, 100.0 * s.first / s.cases, s.in_three,
                        100.0 * s.in_three / s.cases, rules,
                        rules - static_cast<int>(s.rules_missed.size())));
    std::string missed;
    for (const auto& [rule, times] : s.rules_missed) {
        missed += fmt::format("{} ({}x), ", rule, times);
    }
    MESSAGE("not always first: " << missed);
}

}  // namespace

TEST_CASE("explain: the broken rule is named from bytes, the device's info and the errno") {
    const score s = score_of(true);
    print("with the device's info", s);
    for (const std::string& l : s.late) MESSAGE(l);
    CHECK(s.cases > 1000);
    CHECK(100 * s.first >= 95 * s.cases);
    CHECK(s.in_three == s.cases);
}

TEST_CASE("explain: the broken rule is named from bytes and the errno alone") {
    const score s = score_of(false);
    print("bytes and errno alone", s);
    CHECK(100 * s.first >= 75 * s.cases);
    CHECK(100 * s.in_three >= 90 * s.cases);
}
