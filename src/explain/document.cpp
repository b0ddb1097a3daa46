// SPDX-License-Identifier: MIT
#include "explain/document.hpp"

#include "explain/named_structs.hpp"
#include "explain/opcodes.hpp"
#include "explain/symptoms.hpp"
#include "uapi/ublk.hpp"

#include <algorithm>
#include <cerrno>

namespace ashlar::explain {

namespace {

using rules::subject;

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// Whether a number can be a ublk command's.
bool is_command_number(std::uint64_t v) {
    if (v > 0xffffffff) return false;
    const auto n = uapi::decode(static_cast<std::uint32_t>(v));
    const bool known = uapi::is_known(static_cast<uapi::ctrl_op>(n.nr)) ||
                       uapi::is_known(static_cast<uapi::io_op>(n.nr));
    return known && (v <= 0xff || n.type == uapi::command_type);
}

class reader {
public:
    explicit reader(std::string_view text) {
        d_.lines = lines_of(text);
        constexpr std::string_view marks[] = {"ublk", "UBLK", "START_DEV", "ADD_DEV",
                                              "GET_DEV_INFO"};
        d_.about_ublk = std::ranges::any_of(marks, [&](auto m) { return contains(text, m); });
    }

    document read() {
        for (std::size_t i = 0; i < d_.lines.size(); ++i) take_line(d_.lines[i], i + 1);
        give_loose_errors();
        for (blob& b : find_blobs(d_.lines)) take_blob(std::move(b));
        return std::move(d_);
    }

private:
    static constexpr std::size_t near = 6;     // lines between a command and its result
    static constexpr std::size_t most = 2000;  // things of a kind that are kept

    document d_;
    std::optional<placed<subject>> last_command_;
    std::size_t opcode_line_ = 0;
    int kernel_rank_ = 0;
    named_structs named_;

    // An errno without a command belongs to the only command that failed with it, if there is one.
    void give_loose_errors() {
        std::erase_if(d_.loose_errors, [&](const auto& e) {
            const line_words w = words_of(e.value);
            sighting* owner_of_all = nullptr;
            for (sighting& s : d_.sightings) {
                if (w.errors.empty() || s.told.error != w.errors.front().code) continue;
                if (owner_of_all != nullptr) return false;
                owner_of_all = &s;
            }
            if (owner_of_all == nullptr) return false;
            owner_of_all->lines.push_back(e.line);
            std::ranges::sort(owner_of_all->lines);
            return true;
        });
    }

    // Keeps what a text of any length may tell within bounds.
    template <class T>
    static void keep(std::vector<T>& all, T one) {
        if (all.size() < most) all.push_back(std::move(one));
    }

    void see(subject about, const outcome& told, std::size_t line) {
        auto same = std::ranges::find_if(d_.sightings, [&](const sighting& s) {
            return s.about == about && s.told.error == told.error &&
                   s.told.accepted == told.accepted && s.told.when == told.when;
        });
        if (same == d_.sightings.end()) {
            d_.sightings.push_back({about, told, {line}});
        } else if (same->lines.back() != line && same->lines.size() < 1000) {
            same->lines.push_back(line);
        }
    }

    void take_line(std::string_view line, std::size_t number) {
        if (kernel_rank_ < 2) {
            const release_word found = kernel_in(line);
            if (found.rank > kernel_rank_) d_.kernel = found.release;
            kernel_rank_ = std::max(kernel_rank_, found.rank);
        }
        const line_words w = words_of(line);
        take_opcode(line, w, number);
        take_numbers(w, number);
        for (dump& one : named_.take(line, w, number)) keep(d_.dumps, std::move(one));
        take_mapping(line, w, number);
        take_completion(w, number);
        const bool foreign = is_programs_own(line);
        if (!foreign) pair(line, w, number);
        if (contains(line, "ublk") && (contains(line, "kernel:") || line.starts_with("[")) &&
            !contains(line, "DEBUG")) {
            keep(d_.kernel_log, {line, number});
        }
        if (!w.commands.empty()) last_command_ = {{w.commands.back().about, number}};
    }

    // Which command of the line an errno belongs to: the last one before it, else the first.
    static subject owner(const line_words& w, const errno_word& e) {
        subject about = w.commands.front().about;
        for (const command_word& c : w.commands) {
            if (c.at < e.at) about = c.about;
        }
        return about;
    }

    void pair(std::string_view line, const line_words& w, std::size_t number) {
        for (const errno_word& e : w.errors) {
            if (!w.commands.empty()) {
                see(owner(w, e), {.error = e.code}, number);
            } else if (last_command_ && number - last_command_->line <= near && !w.sentence) {
                see(last_command_->value, {.error = e.code}, number);
            } else if (d_.about_ublk) {
                keep(d_.loose_errors, {line, number});
                break;
            }
        }
        if (!w.errors.empty() || w.commands.empty()) return;
        if (w.never && w.commands.size() == 1) {
            see(w.commands.front().about, {.when = when::never}, number);
        } else if (w.succeeded) {
            for (const command_word& c : w.commands) see(c.about, {.accepted = true}, number);
        }
    }

    void take_opcode(std::string_view line, const line_words& w, std::size_t number) {
        for (const number_word& n : w.numbers) {
            if (n.key.ends_with("opcode") && n.value < 256) {
                keep(d_.opcodes, {static_cast<std::uint8_t>(n.value), number});
                opcode_line_ = number;
            }
        }
        // "Opcode 46 (URING_CMD)", and the trace events of io_uring: "opcode WAITID".
        for (std::string_view word : {"opcode ", "Opcode "}) {
            const auto at = line.find(word);
            if (at == std::string_view::npos) continue;
            std::string_view rest = line.substr(at + word.size());
            const auto end = std::ranges::find_if_not(rest, [](char c) {
                return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
            });
            rest = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
            const auto value = number_of_word(rest);
            const int by_name = opcode_named(rest);
            if (value && *value < 256) {
                keep(d_.opcodes, {static_cast<std::uint8_t>(*value), number});
            } else if (by_name >= 0) {
                keep(d_.opcodes, {static_cast<std::uint8_t>(by_name), number});
                take_trace_event(line, w, number);
            }
        }
    }

    // A line of io_uring's trace events has the result of an entry that no command is named for.
    void take_trace_event(std::string_view line, const line_words& w, std::size_t number) {
        if (contains(line, "io_uring_") && !w.errors.empty() && w.commands.empty()) {
            see(subject::entry, {.error = w.errors.front().code}, number);
        }
    }

    void take_numbers(const line_words& w, std::size_t number) {
        for (const number_word& n : w.numbers) {
            const bool names_command = n.key.ends_with("cmdop") || n.key == "cmd" || n.key == "op";
            if (!names_command || !is_command_number(n.value)) continue;
            const auto v = static_cast<std::uint32_t>(n.value);
            if (n.key == "op" && v <= 0xff) continue;
            keep(d_.command_numbers, {v, number});
            if (w.commands.empty()) last_command_ = {{subject_of_number(v), number}};
        }
        if (opcode_line_ != 0 && number - opcode_line_ <= 8) {
            for (const number_word& n : w.numbers) {
                if (n.key == "addr") keep(d_.entry_addresses, {n.value, number});
            }
        }
    }

    // "user_data=5 res=-22", as every server prints it in the end.
    void take_completion(const line_words& w, std::size_t number) {
        const auto* own = number_named(w.numbers, {"userdata"});
        const auto* result = number_named(w.numbers, {"res", "result"});
        if (own == nullptr || (result == nullptr && !w.never)) return;
        const auto value = result == nullptr ? 0 : static_cast<std::int64_t>(result->value);
        keep(d_.completions, {{own->value, value, result == nullptr}, number});
    }

    void take_mapping(std::string_view line, const line_words& w, std::size_t number) {
        const bool maps = std::ranges::any_of(
            w.commands, [](const auto& c) { return c.about == subject::map_descriptors; });
        if (!maps) return;
        // "PROT_READ (avoids the EPERM that PROT_WRITE gave)": a report, not a call.
        if (!contains(line, "mmap(") || !contains(line, "PROT_")) return;
        keep(d_.map_writable, {contains(line, "PROT_WRITE"), number});
    }

    void take_blob(blob b) {
        const std::size_t size = b.bytes.size();
        keep(d_.blobs, b);
        // Several entries one behind the other.
        if (size > 144 && size % 128 == 0 &&
            shape_of(std::span(b.bytes).first(128)) == shape::entry) {
            for (std::size_t at = 0; at < size; at += 128) {
                const auto part = std::span(b.bytes).subspan(at, 128);
                if (shape_of(part) != shape::entry) continue;
                keep(d_.dumps, {shape::entry, {part.begin(), part.end()}, b.first_line});
            }
            return;
        }
        if (const auto s = shape_of(b.bytes)) {
            keep(d_.dumps, {*s, std::move(b.bytes), b.first_line});
        } else {
            keep(d_.unknown_blobs, std::move(b));
        }
    }
};

}  // namespace

bool document::succeeded(subject s) const {
    return std::ranges::any_of(
        sightings, [&](const sighting& one) { return one.about == s && one.told.accepted; });
}

void document::forget(const std::set<std::size_t>& told) {
    if (told.empty()) return;
    const auto is_told = [&](std::size_t line) { return told.contains(line); };
    for (sighting& s : sightings) std::erase_if(s.lines, is_told);
    std::erase_if(sightings, [](const sighting& s) { return s.lines.empty(); });
    std::erase_if(loose_errors, [&](const auto& e) { return is_told(e.line); });
}

document read_document(std::string_view text) { return reader(text).read(); }

}  // namespace ashlar::explain
