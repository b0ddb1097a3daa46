// SPDX-License-Identifier: MIT
#include "explain/session.hpp"

#include "explain/strace_call.hpp"

#include <ashlar/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ashlar::explain {

using rules::subject;

namespace {

using kind = event::kind;

// "[pid 12]" or "[12]" at the front of a line.
std::string thread_of(std::string_view line) {
    if (!line.starts_with('[')) return {};
    std::string_view inside = line.substr(1, std::min(line.find(']'), line.size()) - 1);
    if (inside.starts_with("pid")) inside.remove_prefix(3);
    while (inside.starts_with(' ')) inside.remove_prefix(1);
    return number_of_word(inside) ? std::string(inside) : std::string{};
}

subject element_of(subject s) {
    return s == subject::prep_io_cmds ? subject::prep_element : subject::commit_element;
}

// An element of a batch is judged by rules of its own; what breaks one of them for sure goes first.
void judge_elements(judgement& j, const evidence& header, const ring_call& c, const outcome& told) {
    if (header.about != subject::prep_io_cmds && header.about != subject::commit_io_cmds) return;
    const std::size_t bytes = load<std::uint8_t>(c.entry, 54);
    const auto elements = c.payload();
    const bool decided = !j.verdicts.empty() && j.verdicts.front().sure == certainty::certain;
    if (decided || bytes < 8) return;
    std::size_t at = 0;
    for (std::size_t i = 0; (i + 1) * bytes <= elements.size() && i < 4096; ++i) {
        evidence one(header.kernel);
        one.about = element_of(header.about);
        one.c = header.c;
        one.c.tag = load<std::uint16_t>(elements, i * bytes);
        one.c.result = load<std::int32_t>(elements, i * bytes + 4);
        const bool has_address =
            (load<std::uint16_t>(c.entry, 50) & uapi::batch_f_has_buf_addr) != 0 && bytes >= 16;
        one.c.io_address = has_address ? load<std::uint64_t>(elements, i * bytes + 8) : 0;
        for (verdict& v : judge(one, told).verdicts) {
            const bool known = std::ranges::any_of(
                j.verdicts, [&](const verdict& k) { return k.id == v.id && k.means == v.means; });
            if (known) continue;
            const int weight = weight_with(one, v.id);
            const auto place = v.sure == certainty::certain
                                   ? j.verdicts.begin() + static_cast<std::ptrdiff_t>(at++)
                                   : std::ranges::find_if(j.verdicts, [&](const verdict& k) {
                                         return k.sure == certainty::possible &&
                                                weight_with(header, k.id) < weight;
                                     });
            j.verdicts.insert(place, std::move(v));
        }
    }
}

}  // namespace

session::session(const document& d, const rules::kernel& k) : kernel_(k) {
    take_answers(d);
    if (!d.completions.empty()) {
        const auto answers = events_;
        take_entries(d);
        take_completions(d);
        if (lines_.empty()) events_ = answers;
        else take_files(d);
    }
    std::ranges::sort(events_, {}, [](const event& e) { return std::pair(e.line, e.what); });
    // What is shown of a request belongs to the completion before it.
    const ring_call* last = nullptr;
    for (event& e : events_) {
        if (e.what == kind::completion) last = e.call;
        if (e.what == kind::request) e.call = last;
    }
}

// What GET_DEV_INFO gave, which its line or the one above says.
void session::take_answers(const document& d) {
    for (const blob& b : d.blobs) {
        if (shape_of(b.bytes) != shape::info) continue;
        const auto says = [&](std::size_t line) {
            if (line < 1 || line > d.lines.size()) return false;
            const line_words w = words_of(d.lines[line - 1]);
            return std::ranges::any_of(w.commands, [](const command_word& c) {
                return c.about == subject::get_dev_info || c.about == subject::get_dev_info2;
            });
        };
        if (!says(b.first_line) && !says(b.first_line - 1)) continue;
        events_.push_back({.line = b.first_line, .what = kind::info, .bytes = b.bytes});
    }
}

// Bytes on the lines below an entry are its payload; those behind its completion are an answer.
void session::take_entries(const document& d) {
    const auto is_entry = [](const blob& b) { return shape_of(b.bytes) == shape::entry; };
    calls_.reserve(static_cast<std::size_t>(std::ranges::count_if(d.blobs, is_entry)));
    for (const blob& b : d.blobs) {
        const bool entry = is_entry(b);
        const auto after = [&](const placed<completion>& c) {
            return !calls_.empty() && c.line > calls_.back().line && c.line < b.first_line;
        };
        if (entry) {
            calls_.push_back({b.first_line, thread_of(d.lines[b.first_line - 1]), b.bytes});
            events_.push_back({.line = b.first_line, .call = &calls_.back()});
        } else if (std::ranges::any_of(d.completions, after)) {
            const bool info = b.bytes.size() == sizeof(uapi::ctrl_dev_info);
            if (!info && b.bytes.size() != sizeof(uapi::io_desc)) continue;
            events_.push_back({.line = b.first_line,
                               .what = info ? kind::info : kind::request,
                               .bytes = b.bytes});
        } else if (!calls_.empty()) {
            calls_.back().payloads.push_back(b.bytes);
        }
    }
}

void session::take_completions(const document& d) {
    for (const placed<completion>& c : d.completions) {
        const auto own =
            std::ranges::find_if(calls_.rbegin(), calls_.rend(), [&](const ring_call& call) {
                return call.line < c.line && call.user_data() == c.value.user_data;
            });
        if (own == calls_.rend()) continue;
        lines_.insert(c.line);
        events_.push_back({.line = c.line,
                           .what = c.value.never ? kind::never : kind::completion,
                           .call = &*own,
                           .result = c.value.result});
    }
}

void session::take_files(const document& d) {
    call_parser parser;
    const auto number = [](const std::string& word) {
        const auto value = number_of_word(word);
        return value && *value < 1 << 24 ? static_cast<int>(*value) : -1;
    };
    for (std::size_t i = 0; i < d.lines.size(); ++i) {
        if (d.lines[i].find("+++ ") != std::string_view::npos) {
            events_.push_back({.line = i + 1, .what = kind::end, .text = thread_of(d.lines[i])});
            continue;
        }
        const auto call = parser.take(d.lines[i], i + 1);
        if (!call || call->error != 0) continue;
        if (call->name == "openat" && call->arguments.size() > 1) {
            std::string path = call->arguments[1];
            std::erase(path, '"');
            events_.push_back({.line = i + 1,
                               .what = kind::open,
                               .fd = static_cast<int>(call->result),
                               .text = path,
                               .thread = std::string(call->pid)});
        } else if (call->name == "close" && !call->arguments.empty()) {
            events_.push_back(
                {.line = i + 1, .what = kind::close, .fd = number(call->arguments[0])});
        } else if (call->name == "mmap" && call->arguments.size() > 4) {
            events_.push_back({.line = i + 1,
                               .what = kind::map,
                               .fd = number(call->arguments[4]),
                               .text = fmt::format("{:#x}", call->result)});
        } else if (call->name == "munmap" && !call->arguments.empty()) {
            events_.push_back({.line = i + 1, .what = kind::unmap, .text = call->arguments[0]});
        }
    }
}

void session::happen(history& past, const event& e) {
    switch (e.what) {
        case kind::entry: past.submitted(*e.call); break;
        case kind::completion: past.completed(*e.call, e.result); break;
        case kind::info: past.answered(e.bytes); break;
        case kind::request:
            if (e.call != nullptr) past.delivered(*e.call, e.bytes);
            break;
        case kind::open: past.opened(e.fd, e.text, e.thread); break;
        case kind::map: past.mapped(e.fd, e.text); break;
        case kind::unmap: past.unmapped(e.text); break;
        case kind::close: past.closed(e.fd); break;
        case kind::end: past.ended(e.text); break;
        case kind::never: break;
    }
}

judgement session::judge_call(const history* past, const ring_call& c, const outcome& told) const {
    evidence seen(kernel_);
    seen.take_entry(c.entry);
    for (const auto& p : c.payloads) {
        if (seen.about == subject::add_dev && p.size() >= 64) seen.take_info(p);
        else if (seen.about == subject::set_params && p.size() >= 8) seen.take_params(p);
        else if (seen.about == subject::reg_buf && p.size() >= 24) seen.take_buffer(p);
    }
    if (past != nullptr) past->tell(seen, c);
    seen.settle();
    judgement j = judge(seen, told);
    judge_elements(j, seen, c, told);
    return j;
}

finding session::judged(const history& past, const event& e) const {
    const ring_call& c = *e.call;
    const bool never = e.what == kind::never;
    const outcome told{.error = never ? 0 : static_cast<int>(-e.result),
                       .when = never ? when::never : when::unknown};
    judgement j = judge_call(&past, c, told);
    if (j.verdicts.empty()) {
        // A log may leave calls out.
        judgement without = judge_call(nullptr, c, told);
        if (!without.verdicts.empty()) {
            j = std::move(without);
            j.notes.emplace_back("with what the earlier calls of the log tell no rule gives this; "
                                 "it was judged without them");
        }
    }
    const std::string_view name = explain::name(c.about());
    return {.what = finding::kind::failure,
            .title = never ? fmt::format("{} does not come back", name)
                           : fmt::format("{} failed with {}", name, errno_name(told.error)),
            .lines = {c.line, e.line},
            .fields = {},
            .verdicts = std::move(j.verdicts),
            .notes = std::move(j.notes)};
}

bool session::tells(std::size_t line) const {
    return std::ranges::any_of(events_, [&](const event& e) {
        const bool ends = e.what == kind::completion || e.what == kind::never;
        return ends && e.call->line == line;
    });
}

std::vector<finding> session::findings() const {
    constexpr std::size_t most = 200;
    std::vector<finding> out;
    history past;
    for (const event& e : events_) {
        const bool failed = e.what == kind::completion && e.result < 0 && e.result > -4096;
        if (failed) {
            // Its own effects are no evidence.
            happen(past, e);
            if (out.size() < most) out.push_back(judged(past, e));
            continue;
        }
        if (e.what == kind::never && out.size() < most) out.push_back(judged(past, e));
        happen(past, e);
    }
    return out;
}

void session::tell_file(evidence& seen, const std::string& path, std::size_t line) {
    while (next_ < events_.size() && events_[next_].line < line) happen(walked_, events_[next_++]);
    walked_.tell_file(seen, path);
}

}  // namespace ashlar::explain
