// SPDX-License-Identifier: MIT
// The page of the driver's rules, docs/rules.md, from the rows of the contract.
#include "cli/generate.hpp"
#include "rules/row.hpp"
#include "uapi/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace ashlar::cli {

namespace {

using rules::row;
using rules::subject;

constexpr std::string_view intro = R"(# The rules of the ublk driver

<!-- Made from the rows in src/rules by: ashlar generate rules. Don't edit it here. -->

What the kernel's driver, and io_uring before it, asks of a server: every condition by which a call
is refused, is held up, or is accepted in another way than it was meant, from Linux 6.0 to 7.3. The
answers of the driver are few, and EINVAL has more than a hundred reasons. This page lists them.

**How to find a reason.** Look up the command that failed. Its rules stand in the order in which the
kernel tests them, and the first that a call breaks is the answer. Before the rules of a command
itself come those [of any command](#any-command), then those [of control
commands](#any-control-command) or [of I/O commands](#any-io-command).

**Kernels** says for which the rule holds: `6.13+` is 6.13 and everything newer, and a release
behind a comma is one of an older line that got the change, too (`not 6.12.31`: it lost the rule).
Distributions move changes between versions, so a version is a hint and GET_FEATURES is certain.

**Answer** is the errno of the completion, or

- *waits*: there is no completion until the condition is gone;
- *accepted*: there is no error, but something else happens than the call seems to say;
- *other*: the errno of another part of the kernel is passed on.

Names of fields are those of `<linux/ublk_cmd.h>`. All sectors are of 512 bytes. The names of the
rules are used by ashlar in its messages and tests.
)";

std::string group_of(const row& r) { return std::string(r.id.substr(0, r.id.find('-'))); }

std::string answer(const row& r) {
    if (r.what == rules::effect::blocks) return "*waits*";
    if (r.what == rules::effect::silently) return "*accepted*";
    if (r.error == 0) return "*other*";
    return ::strerrorname_np(r.error);
}

std::string name_of(subject s) {
    for (uapi::ctrl_op op : uapi::ctrl_ops) {
        if (rules::subject_of(op) == s) return std::string(uapi::name(op));
    }
    for (uapi::io_op op : uapi::io_ops) {
        if (rules::subject_of(op) == s) return std::string(uapi::name(op));
    }
    if (s == subject::unknown_control || s == subject::unknown_io) return "unknown commands";
    return "";
}

std::string sentence(std::string_view text) { return fmt::format("{}.", text); }

// "Set this", from "set this".
std::string capital(std::string_view text) {
    std::string out = sentence(text);
    if (out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 'a' + 'A');
    return out;
}

std::string table_row(const row& r, bool which) {
    std::string about;
    if (which) {
        std::vector<std::string> names;
        for (subject s : r.about) {
            if (std::string name = name_of(s); !name.empty()) names.push_back(std::move(name));
        }
        // Where it is nearly all, the name of the section says it.
        if (names.size() <= 4) about = fmt::format("({}) ", fmt::join(names, ", "));
    }
    const std::string log = r.log.empty() ? "" : fmt::format(" The kernel's log says “{}”.", r.log);
    return fmt::format("| {} | {} | {} | {}{}{} | {} |\n", r.id, r.kernels.text(), answer(r), about,
                       sentence(r.means), log, capital(r.mend));
}

template <class Wanted>
std::string table(Wanted&& wanted, bool which) {
    std::string lines;
    for (const row& r : rules::all_rows()) {
        if (wanted(r)) lines += table_row(r, which);
    }
    if (lines.empty()) return "None but those above.\n";
    return "| Rule | Kernels | Answer | Meaning | What to do |\n| --- | --- | --- | --- | --- |\n" +
           lines;
}

bool is_common(const row& r) {
    const std::string group = group_of(r);
    return group == "U" || group == "D" || group == "P" || group == "IO" || r.id == "B-0";
}

std::string section(std::string_view title, std::string_view text, std::string_view table) {
    std::string out = fmt::format("\n## {}\n\n", title);
    if (!text.empty()) out += fmt::format("{}\n\n", text);
    return out + std::string(table);
}

std::string of_groups(std::initializer_list<std::string_view> ids, bool which) {
    return table(
        [&](const row& r) {
            return std::ranges::find(ids, group_of(r)) != ids.end() && (is_common(r));
        },
        which);
}

std::string of_subject(subject s) {
    return table(
        [&](const row& r) {
            return !is_common(r) && std::ranges::find(r.about, s) != r.about.end();
        },
        false);
}

template <class Op>
std::string command_section(Op op) {
    const subject s = rules::subject_of(op);
    const rules::version first = rules::first_release(s);
    const std::string since =
        fmt::format("Number {:#x}, since Linux {}.{}.", encoded(op), first.major, first.minor);
    return section(uapi::name(op), since, of_subject(s));
}

}  // namespace

std::string rules_page() {
    std::string page(intro);
    page += section("Any command",
                    "What io_uring looks at; the driver does not see a call that fails here.",
                    of_groups({"U"}, false));
    page += section("Any control command",
                    "On /dev/ublk-control, before the rules of the command itself.",
                    of_groups({"D", "P"}, true));
    for (uapi::ctrl_op op : uapi::ctrl_ops) page += command_section(op);
    page +=
        section("Any I/O command",
                "On /dev/ublkcN. Linux 6.17 changed the order: the rules for it come first, and "
                "those up to 6.16 after them.",
                of_groups({"IO", "B"}, true));
    for (uapi::io_op op : uapi::io_ops) page += command_section(op);
    page += section("Elements of PREP_IO_CMDS", "One after the other.",
                    of_subject(subject::prep_element));
    page += section("Elements of COMMIT_IO_CMDS", "One after the other.",
                    of_subject(subject::commit_element));
    page += section("Opening /dev/ublkcN", "", of_subject(subject::open_char));
    page += section("Mapping the descriptors", "mmap of /dev/ublkcN.",
                    of_subject(subject::map_descriptors));
    page += section("Taking data with pread", "User copy, for requests that write.",
                    of_subject(subject::read_data));
    page += section("Giving data with pwrite", "User copy, for requests that read.",
                    of_subject(subject::write_data));
    page += section("Opening /dev/ublkbN", "The disk itself.", of_subject(subject::open_block));
    return page;
}

}  // namespace ashlar::cli
