// SPDX-License-Identifier: MIT
#include "explain/strace.hpp"

#include "explain/document.hpp"
#include "explain/session.hpp"
#include "explain/strace_call.hpp"
#include "explain/words.hpp"

#include <ashlar/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <string>

namespace ashlar::explain {

namespace {

using rules::subject;

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// A descriptor as strace writes it: "5" or, with -y, "5</dev/ublkc0>".
int descriptor(std::string_view s) {
    const auto end = std::min(s.find('<'), s.size());
    const auto value = number_of_word(s.substr(0, end));
    return value && *value < 1 << 24 ? static_cast<int>(*value) : -1;
}

// Of io_uring_setup's parameters; a strace that is older than a flag prints it in hex.
bool has_wide_entries(std::string_view parameters) {
    constexpr std::uint64_t sqe128 = 1u << 10, sqe_mixed = 1u << 19;
    if (contains(parameters, "SQE128") || contains(parameters, "SQE_MIXED")) return true;
    const auto begin = parameters.find("flags=");
    if (begin == std::string_view::npos) return false;
    const std::string_view flags = parameters.substr(begin, parameters.find(',', begin) - begin);
    const auto at = flags.find("0x");
    const auto strange = at == std::string_view::npos
                             ? std::nullopt
                             : number_of_word(flags.substr(at, flags.find('|', at) - at));
    return strange && (*strange & (sqe128 | sqe_mixed)) != 0;
}

class follower {
public:
    follower(const rules::kernel& k, session& calls, trace& out, bool about_ublk)
        : kernel_(k), calls_(calls), out_(out), about_ublk_(about_ublk) {}

    void take(const system_call& c) {
        if (c.name == "openat" || c.name == "open") opened(c);
        else if (c.name == "mmap") mapped(c);
        else if (c.name == "mprotect") protect(c);
        else if (c.name == "munmap") mappings_.erase(c.arguments.empty() ? "" : c.arguments[0]);
        else if (c.name == "io_uring_setup") ring(c);
        else if (c.name == "ioctl") controlled(c);
        else if (c.name == "close") closed(c);
        else if (c.name == "pread64" || c.name == "pwrite64") copied(c);
        else if (c.name == "io_uring_register") registered(c);
    }

    void finish(const call_parser& p) {
        if (opened_control_ != 0 && ring_line_ != 0 && !wide_ring_) {
            add_rule(subject::add_dev, "no ring has 128-byte entries", ring_line_, EINVAL,
                     [](evidence& e) { e.c.wide_entry = false; });
        }
        for (const auto& [pid, call] : p.unfinished) {
            if (call.name != "io_uring_enter" || opened_control_ == 0) continue;
            // Whoever serves a queue waits there for requests.
            const auto own = ring_of_.find(pid);
            const bool registered = contains(call.text, "REGISTERED_RING");
            const auto ring = !registered             ? rings_.find(descriptor(call.text))
                              : own == ring_of_.end() ? rings_.end()
                                                      : rings_.find(own->second);
            if (ring != rings_.end() && !ring->second) continue;
            waiting(call.line);
        }
        if (!calls_.empty() || (opened_control_ != 0 && !out_.findings.empty())) return;
        if (opened_control_ != 0) {
            finding f{.what = finding::kind::symptom,
                      .title = "no system call of ublk failed",
                      .lines = {opened_control_},
                      .fields = {},
                      .verdicts = {},
                      .notes = {}};
            f.notes.emplace_back(
                "strace does not show the results of commands; the trace events of io_uring do: "
                "perf trace -e 'io_uring:*', or /sys/kernel/tracing/events/io_uring");
            out_.findings.push_back(std::move(f));
        }
    }

private:
    const rules::kernel& kernel_;
    session& calls_;
    trace& out_;
    bool about_ublk_;
    std::set<std::string> others_;                 // addresses of mappings of other files
    std::map<int, std::string> files_;             // of ublk: descriptor, path
    std::map<std::string, std::size_t> mappings_;  // of ublkcN: address, line
    std::map<int, bool> rings_;                    // descriptor: has 128-byte entries
    std::map<std::string, int> ring_of_;           // thread: the last ring that it made
    std::size_t opened_control_ = 0, ring_line_ = 0, closed_char_ = 0;
    bool wide_ring_ = false;

    template <class F>
    void add_rule(subject about, std::string title, std::size_t line, int error, F&& fill,
                  const std::string& path = {}) {
        evidence seen(kernel_);
        seen.about = about;
        fill(seen);
        calls_.tell_file(seen, path, line);
        seen.settle();
        judgement j = judge(seen, {.error = error});
        out_.findings.push_back({.what = finding::kind::failure,
                                 .title = std::move(title),
                                 .lines = {line},
                                 .fields = {},
                                 .verdicts = std::move(j.verdicts),
                                 .notes = std::move(j.notes)});
    }

    void add_plain(std::string title, std::size_t line, std::string id, std::string means,
                   std::string mend) {
        out_.findings.push_back({.what = finding::kind::failure,
                                 .title = std::move(title),
                                 .lines = {line},
                                 .fields = {},
                                 .verdicts = {{.id = std::move(id),
                                               .sure = certainty::certain,
                                               .means = std::move(means),
                                               .value = {},
                                               .mend = std::move(mend),
                                               .look = {}}},
                                 .notes = {}});
    }

    std::string path_of(std::string_view fd) const {
        if (const auto at = fd.find("</dev/ublk"); at != std::string_view::npos) {
            // With -yy more stands behind it: "<char 240:0>".
            return std::string(fd.substr(at + 1, fd.find_first_of("<>", at + 1) - at - 1));
        }
        const auto found = files_.find(descriptor(fd));
        return found == files_.end() ? std::string{} : found->second;
    }

    void opened(const system_call& c) {
        std::string path;
        for (const std::string& a : c.arguments) {
            const auto at = a.find("\"/dev/ublk");
            if (at != std::string::npos) path = a.substr(at + 1, a.find('"', at + 1) - at - 1);
        }
        if (path.empty()) {
            if (c.error == 0) files_.erase(static_cast<int>(c.result));
            return;
        }
        if (path == "/dev/ublk-control") {
            opened_control_ = c.line;
            if (c.error != 0) control_refused(c);
        } else if (c.error != 0) {
            const bool block = path.starts_with("/dev/ublkb");
            if (block && c.error == ENOENT) no_disk(c, path);
            else
                add_rule(
                    block ? subject::open_block : subject::open_char,
                    fmt::format("open of {} failed with {}", path, errno_name(c.error)), c.line,
                    c.error, [](evidence&) {}, path);
        }
        if (c.error == 0) files_[static_cast<int>(c.result)] = path;
    }

    void no_disk(const system_call& c, const std::string& path) {
        add_plain(fmt::format("open of {} failed with ENOENT", path), c.line, "BLK-4",
                  "There is no disk: its node is there from START_DEV until STOP_DEV or the end of "
                  "a server without recovery",
                  "start the device, and wait for udev to make the node");
    }

    void control_refused(const system_call& c) {
        const std::string title =
            fmt::format("open of /dev/ublk-control failed with {}", errno_name(c.error));
        if (c.error == ENOENT) {
            add_plain(title, c.line, "no-driver",
                      "The driver is not loaded, and opening its node never loads it",
                      "modprobe ublk_drv");
        } else {
            add_plain(title, c.line, "no-right", "The caller may not open it; only root can",
                      "run as root, or give the node to a group by a rule of udev");
        }
    }

    void mapped(const system_call& c) {
        if (c.arguments.size() < 6) return;
        const std::string path = path_of(c.arguments[4]);
        if (!path.starts_with("/dev/ublkc")) {
            if (c.error == 0) others_.insert(fmt::format("{:#x}", c.result));
            return;
        }
        if (c.error == 0) {
            mappings_[fmt::format("{:#x}", c.result)] = c.line;
            return;
        }
        add_rule(
            subject::map_descriptors,
            fmt::format("mmap of {} failed with {}", path, errno_name(c.error)), c.line, c.error,
            [&](evidence& e) {
                e.c.map_writable = contains(c.arguments[2], "PROT_WRITE");
                e.c.map_shared = contains(c.arguments[3], "MAP_SHARED");
                if (const auto n = number_of_word(c.arguments[1])) e.c.bytes = *n;
                if (const auto n = number_of_word(c.arguments[5])) e.c.position = *n;
            },
            path);
    }

    void protect(const system_call& c) {
        if (c.error == 0 || c.arguments.size() < 3) return;
        const bool own = mappings_.contains(c.arguments[0]);
        if (!own && !may_be_descriptors(c)) return;
        add_plain(fmt::format("mprotect of the descriptors failed with {}", errno_name(c.error)),
                  c.line, "MMAP-2",
                  "The descriptors can only be read, and their mapping can't be made writable "
                  "afterwards either",
                  "map with PROT_READ alone, and leave it so");
        if (own) return;
        verdict& v = out_.findings.back().verdicts.front();
        v.sure = certainty::possible;
        v.look = "is this address that of the descriptors? grep ublkc /proc/PID/maps";
    }
    // A mapping that the trace doesn't show being made.
    [[nodiscard]] bool may_be_descriptors(const system_call& c) const {
        return about_ublk_ && c.error == EACCES && contains(c.arguments[2], "PROT_WRITE") &&
               !others_.contains(c.arguments[0]);
    }

    void copied(const system_call& c) {
        if (c.arguments.size() < 4 || c.error == 0) return;
        const std::string path = path_of(c.arguments[0]);
        if (!path.starts_with("/dev/ublkc")) return;
        const bool read = c.name == "pread64";
        add_rule(
            read ? subject::read_data : subject::write_data,
            fmt::format("{} of {} failed with {}", read ? "pread" : "pwrite", path,
                        errno_name(c.error)),
            c.line, c.error,
            [&](evidence& e) {
                if (const auto n = number_of_word(c.arguments[2])) e.c.bytes = *n;
                if (const auto n = number_of_word(c.arguments[3])) e.c.position = *n;
            },
            path);
    }

    void ring(const system_call& c) {
        if (c.error == 0) {
            ring_line_ = c.line;
            const bool wide = c.arguments.size() > 1 && has_wide_entries(c.arguments[1]);
            wide_ring_ = wide_ring_ || wide;
            rings_[static_cast<int>(c.result)] = wide;
            ring_of_[std::string(c.pid)] = static_cast<int>(c.result);
            return;
        }
        const std::string title = fmt::format("io_uring_setup failed with {}", errno_name(c.error));
        if (c.error == EPERM) {
            add_plain(title, c.line, "no-io_uring",
                      "io_uring is forbidden here (kernel.io_uring_disabled, or a seccomp filter)",
                      "sysctl kernel.io_uring_disabled=0, or allow it for the container");
        } else if (c.error == ENOMEM) {
            add_plain(title, c.line, "memlock",
                      "The limit of locked memory is too small for a ring", "raise ulimit -l");
        } else if (c.error == EINVAL) {
            add_plain(
                title, c.line, "ring-flags",
                "This kernel does not know a flag of IORING_SETUP_..., or two of them do not go "
                "together",
                "try again with fewer flags; SQE128 is the only one that control commands need");
        }
    }

    void registered(const system_call& c) {
        if (c.error == 0 || opened_control_ == 0) return;
        const std::string what = c.arguments.size() > 1 ? c.arguments[1] : "?";
        add_plain(fmt::format("io_uring_register({}) failed with {}", what, errno_name(c.error)),
                  c.line, "register",
                  "A registration with the ring was refused; ublk has no part in it",
                  "see io_uring_register(2) for this errno");
    }

    void controlled(const system_call& c) {
        if (c.arguments.empty() || c.error == 0) return;
        const std::string path = path_of(c.arguments[0]);
        if (!path.starts_with("/dev/ublkc") && path != "/dev/ublk-control") return;
        add_plain(fmt::format("ioctl of {} failed with {}", path, errno_name(c.error)), c.line,
                  "no-ioctl",
                  "The driver has no ioctl: its commands have the numbers of ioctls, and come by "
                  "io_uring alone",
                  "send an IORING_OP_URING_CMD (46) with the number in sqe->cmd_op");
    }

    void closed(const system_call& c) {
        if (c.arguments.empty() || c.error != 0) return;
        if (path_of(c.arguments[0]).starts_with("/dev/ublkc")) closed_char_ = c.line;
        files_.erase(descriptor(c.arguments[0]));
    }

    // A trace that ends inside io_uring_enter.
    void waiting(std::size_t line) {
        finding f{.what = finding::kind::symptom,
                  .title = "io_uring_enter does not come back",
                  .lines = {line},
                  .fields = {},
                  .verdicts = {},
                  .notes = {}};
        verdict del{.id = "DEL-3",
                    .sure = certainty::possible,
                    .means = "DEL_DEV waits until nothing holds the device any more",
                    .value = {},
                    .mend = "munmap the descriptors and close /dev/ublkcN before DEL_DEV",
                    .look = "/proc/PID/task/*/stack has ublk_ctrl_del_dev"};
        verdict start{.id = "START-4",
                      .sure = certainty::possible,
                      .means = "START_DEV waits until every tag of every queue is fetched",
                      .value = {},
                      .mend = "fetch every tag from another thread",
                      .look = "/proc/PID/task/*/stack has ublk_ctrl_start_dev"};
        // A server maps the descriptors before START_DEV, and closes the file before DEL_DEV.
        if (closed_char_ != 0 && !mappings_.empty()) {
            del.sure = certainty::likely;
            del.value = fmt::format("the mapping of line {} was never given back",
                                    mappings_.begin()->second);
        }
        const bool del_first = closed_char_ != 0;
        f.verdicts = {del_first ? del : start, del_first ? start : del};
        if (rings_.empty()) {
            f.notes.emplace_back("a queue's thread that waits for requests looks the same");
        }
        out_.findings.push_back(std::move(f));
    }
};

}  // namespace

trace read_strace(const document& d, const rules::kernel& k, session& calls) {
    trace out;
    call_parser p;
    follower f(k, calls, out, d.about_ublk);
    const auto& lines = d.lines;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (is_system_call(lines[i])) out.lines.insert(i + 1);
        const auto call = p.take(lines[i], i + 1);
        if (!call) continue;
        out.is_strace = true;
        f.take(*call);
    }
    if (out.is_strace || !p.unfinished.empty()) f.finish(p);
    return out;
}

}  // namespace ashlar::explain
