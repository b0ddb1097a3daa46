// SPDX-License-Identifier: MIT
// A run as its program could have logged it: bytes of entries and payloads, results of completions,
// and file calls as strace shows them. Addresses are made up; what they are to each other is kept.
#include "score.hpp"
#include "system.hpp"
#include "uapi/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <sstream>
#include <sys/mman.h>

namespace agree {

namespace {

constexpr std::uint64_t payload_base = 0x7f0000010000, area_base = 0x7f2000000000,
                        buffer_base = 0x7f1000000000;
constexpr unsigned pid_base = 1000;

unsigned thread_of(const step& s) { return pid_base + s.process * 10U + s.thread; }
int char_fd(const step& s) { return 10 * (s.process + 1) + s.dev; }
int disk_fd(const step& s) { return char_fd(s) + 5; }
int control_fd(const step& s) { return 3 + s.process; }

std::string hex(std::span<const std::byte> bytes) {
    std::string text;
    for (std::byte b : bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(b));
    return text;
}

class writer {
public:
    explicit writer(const records& from) {
        text_ = "Linux" + from.system.substr(from.system.find(' ')) + "\n";
        front_ = text_.size();
    }

    void call(const step& s, unsigned number, const std::string& outcome) {
        last_ = text_.size();
        switch (s.what) {
            case op::submit: submit(s, number, outcome); break;
            case op::open: opened(s, char_fd(s), 'c', outcome); break;
            case op::disk_open: opened(s, disk_fd(s), 'b', outcome); break;
            case op::close: plain(s, fmt::format("close({})", char_fd(s)), outcome); break;
            case op::disk_close: plain(s, fmt::format("close({})", disk_fd(s)), outcome); break;
            case op::map: mapped(s, outcome); break;
            case op::unmap:
                plain(s, fmt::format("munmap({:#x}, 4096)", map_address(s)), outcome);
                break;
            case op::pread: copied(s, "pread64", outcome); break;
            case op::pwrite: copied(s, "pwrite64", outcome); break;
            case op::kill:
                text_ += fmt::format("[pid {}] +++ killed by SIGKILL +++\n", thread_of(s));
                break;
            case op::protect:
                plain(s, fmt::format("mprotect({:#x}, 4096, {})", map_address(s), protection(s)),
                      outcome);
                break;
            default: break;
        }
    }

    void completion(unsigned number, const std::string& outcome) {
        const long result = result_of(outcome);
        text_ += fmt::format("cqe: user_data={} res={}\n", number + 1, result);
    }
    // A request that was delivered: "{READ 0+8}", as its descriptor has it.
    void descriptor(const std::string& rest) {
        const auto brace = rest.find('{'), blank = rest.find(' ', brace);
        unsigned long long sector = 0;
        unsigned sectors = 0;
        if (brace == std::string::npos || blank == std::string::npos ||
            std::sscanf(rest.c_str() + blank, " %llu+%u", &sector, &sectors) != 2) {
            return;
        }
        uapi::io_desc d{.op_flags = 0, .nr_sectors = sectors, .start_sector = sector};
        for (std::uint8_t op = 0; op < 32; ++op) {
            if (uapi::name(static_cast<uapi::op>(op)) ==
                rest.substr(brace + 1, blank - brace - 1)) {
                d.op_flags = op;
            }
        }
        text_ += fmt::format("descriptor: {}\n", hex(std::as_bytes(std::span(&d, 1))));
    }
    void waits(unsigned number) {
        text_ += fmt::format("user_data={} never returns\n", number + 1);
    }

    // What ADD_DEV gave back, which has the id of the device.
    void learn(const step& s, const std::string& line) {
        unsigned id = 0, queues = 0, depth = 0;
        const auto at = line.find(" => 0 {id=");
        if (at == std::string::npos || decoded(s) != uapi::raw(uapi::ctrl_op::add_dev)) return;
        if (std::sscanf(line.c_str() + at, " => 0 {id=%u %ux%u", &id, &queues, &depth) != 3) return;
        ids_[s.dev] = id;
        uapi::ctrl_dev_info& info = infos_[s.dev].emplace();
        std::memcpy(&info, s.payload.data(), std::min(sizeof info, s.payload.size()));
        info.dev_id = id;
        info.nr_hw_queues = static_cast<std::uint16_t>(queues);
        info.queue_depth = static_cast<std::uint16_t>(depth);
        const auto flags = line.find(" flags=", at);
        info.flags = flags_named(line.substr(flags + 7, line.find(' ', flags + 7) - flags - 7));
        text_ += fmt::format("answer: {}\n", hex(std::as_bytes(std::span(&info, 1))));
    }

    // "  now a=0 LIVE p0 c b": what GET_DEV_INFO would say from here on.
    void changed(const std::string& line) {
        std::istringstream words(line.substr(std::strlen("  now ")));
        for (std::string device, state; words >> device >> state;) {
            if (device.size() < 3 || device[1] != '=') continue;
            auto& info = infos_.at(static_cast<std::size_t>(device[0] - 'a') % devices_max);
            for (std::uint16_t i = 0; info && i < 4; ++i) {
                if (uapi::to_string(static_cast<uapi::device_state>(i)) == state) info->state = i;
            }
        }
    }

    // The kernel's name and the last call, without what came before it. Files are named as by
    // strace -y: a person knows which one it was.
    [[nodiscard]] std::string last_alone(const step& s) const {
        std::string call = text_.substr(last_);
        const bool maps = s.what == op::map, moves = s.what == op::pread || s.what == op::pwrite;
        const std::string fd = fmt::format("{},", char_fd(s));
        const auto at = maps ? call.find("MAP_SHARED, " + fd) + 12 : call.find("(" + fd) + 1;
        if (maps || moves) {
            call.insert(at + fd.size() - 1, fmt::format("</dev/ublkc{}>", ids_[s.dev]));
        }
        return text_.substr(0, front_) + call;
    }
    [[nodiscard]] std::string with_device(const step& s) const {
        std::string text = last_alone(s);
        if (!infos_[s.dev]) return text;
        const auto bytes = std::as_bytes(std::span(&*infos_[s.dev], 1));
        return text.insert(front_, fmt::format("GET_DEV_INFO: {}\n", hex(bytes)));
    }
    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    std::string text_;
    std::size_t front_ = 0, last_ = 0;
    std::array<std::uint32_t, devices_max> ids_{};
    std::array<std::optional<uapi::ctrl_dev_info>, devices_max> infos_{};

    std::set<int> fds_;

    static const char* protection(const step& s) {
        return (s.flags & PROT_WRITE) != 0 ? "PROT_READ|PROT_WRITE" : "PROT_READ";
    }
    // Opened before its first use.
    int shared(const step& s, int fd, const char* path) {
        if (fds_.insert(fd).second) {
            text_ += fmt::format("[pid {}] openat(AT_FDCWD, \"{}\", O_RDWR) = {}\n", thread_of(s),
                                 path, fd);
        }
        return fd;
    }
    static unsigned decoded(const step& s) { return uapi::decode(s.command).nr; }
    static std::uint64_t flags_named(const std::string& words) {
        std::uint64_t flags = 0;
        for (unsigned bit = 0; bit < 64; ++bit) {
            const std::string name = "|" + uapi::flags_text(1ULL << bit) + "|";
            if (("|" + words + "|").find(name) != std::string::npos) flags |= 1ULL << bit;
        }
        return flags;
    }
    static long result_of(const std::string& outcome) {
        for (int code = 1; outcome.starts_with('-') && code < 134; ++code) {
            if (errno_text(-code) == outcome) return -code;
        }
        return std::strtol(outcome.c_str(), nullptr, 10);
    }
    static std::uint64_t map_address(const step& s) {
        return 0x7f3000000000 + std::uint64_t{s.process} * 0x1000000 + s.dev * 0x100000U +
               s.queue * 0x10000U;
    }

    std::uint64_t address(const step& s, unsigned number) const {
        switch (s.at) {
            case place::none: break;
            case place::bad: return 8;
            case place::payload:
            case place::edge: return payload_base + number * 0x2000U;
            case place::buffer:
                return buffer_base + ((s.dev * 4U + s.queue) * 8U + s.tag) * 0x10000U;
            case place::number: return s.number;
            case place::area: return area_base + s.number;
        }
        return 0;
    }

    int fd_of(const step& s) {
        switch (s.target) {
            case file::control: return shared(s, control_fd(s), "/dev/ublk-control");
            case file::device: return char_fd(s);
            case file::disk: return disk_fd(s);
            case file::null: return shared(s, 90, "/dev/null");
            case file::regular: return shared(s, 91, regular_path);
            case file::closed: break;
        }
        return 999;
    }

    void submit(const step& s, unsigned number, const std::string& outcome) {
        std::array<std::byte, 128> e{};
        const bool wide = s.ring == r_wide || s.ring == r_polled;
        const auto put = [&](std::size_t at, auto value) {
            std::memcpy(e.data() + at, &value, std::min(sizeof value, e.size() - at));
        };
        put(0, s.opcode);
        put(1, s.entry_flags);
        put(2, s.ioprio);
        put(4, fd_of(s));
        put(8, s.command);
        put(12, s.pad1);
        put(16, s.batch ? address(s, number) : s.entry_addr);
        put(28, s.command_flags);
        put(32, std::uint64_t{number + 1});
        put(40, s.group);
        put(42, s.personality);
        if (s.control) put_control(s, number, put);
        else put_io(s, number, put);
        text_ += fmt::format("[pid {}] sqe: {}\n", thread_of(s),
                             hex(std::span(e).first(wide ? 128 : 64)));
        std::vector<std::byte> payload;
        for (char c : s.path.value_or("")) payload.push_back(static_cast<std::byte>(c));
        payload.insert(payload.end(), s.payload.begin(), s.payload.end());
        if (s.own_area && payload.size() >= 8) {
            std::uint64_t at = 0;
            std::memcpy(&at, payload.data(), sizeof at);
            at += area_base;
            std::memcpy(payload.data(), &at, sizeof at);
        }
        // What can't be read is in nobody's log.
        if (s.at == place::payload && !payload.empty() && s.writes != gives::features) {
            text_ += fmt::format("payload: {}\n", hex(payload));
        }
        if (outcome != "waits") completion(number, outcome);
    }

    template <class F>
    void put_control(const step& s, unsigned number, const F& put) const {
        uapi::ctrl_cmd h{.dev_id = s.dev_id.value_or(ids_[s.dev]),
                         .queue_id = s.queue_id,
                         .len = s.header_len,
                         .addr = address(s, number),
                         .data = {s.pid_of ? pid_base + *s.pid_of * 10U : s.data0},
                         .dev_path_len = s.path_len.value_or(
                             static_cast<std::uint16_t>(s.path ? s.path->size() : 0))};
        if (s.path && !s.path_len) h.len = static_cast<std::uint16_t>(h.len + s.path->size());
        put(48, h);
    }
    template <class F>
    void put_io(const step& s, unsigned number, const F& put) const {
        if (s.batch) {
            put(48, uapi::batch_io{.q_id = s.queue,
                                   .flags = s.batch_flags,
                                   .nr_elem = s.elements,
                                   .elem_bytes = s.element_bytes});
        } else {
            put(48,
                uapi::io_cmd{
                    .q_id = s.queue, .tag = s.tag, .result = s.result, .addr = address(s, number)});
        }
    }

    void plain(const step& s, const std::string& call, const std::string& outcome,
               const std::string& good = "0") {
        const long result = result_of(outcome);
        text_ += fmt::format("[pid {}] {} = {}\n", thread_of(s), call,
                             result >= 0 ? good
                                         : fmt::format("-1 {} (…)", errno_text(result).substr(1)));
    }
    void opened(const step& s, int fd, char kind, const std::string& outcome) {
        const char* how = (s.flags & O_ACCMODE) == O_RDWR     ? "O_RDWR"
                          : (s.flags & O_ACCMODE) == O_WRONLY ? "O_WRONLY"
                                                              : "O_RDONLY";
        plain(s, fmt::format("openat(AT_FDCWD, \"/dev/ublk{}{}\", {})", kind, ids_[s.dev], how),
              outcome, fmt::format("{}", fd));
    }
    void mapped(const step& s, const std::string& outcome) {
        plain(s,
              fmt::format("mmap(NULL, {}, {}, MAP_SHARED, {}, {:#x})", s.length, protection(s),
                          char_fd(s), s.position),
              outcome, fmt::format("{:#x}", map_address(s)));
    }
    void copied(const step& s, const char* name, const std::string& outcome) {
        plain(s,
              fmt::format("{}({}, {:#x}, {}, {})", name, char_fd(s),
                          s.at == place::bad ? 8 : area_base, s.length, s.position),
              outcome, outcome);
    }
};

}  // namespace

run_log log_of(const sequence& s, const records& from, unsigned until) {
    writer w(from);
    run_log log;
    for (const std::string& line : from.of.at(s.id).lines) {
        if (line.starts_with("  now ")) w.changed(line);
        unsigned number = 0;
        const bool later = std::sscanf(line.c_str(), "  then %u", &number) == 1;
        const bool known = later || std::sscanf(line.c_str(), "%u ", &number) == 1;
        const auto arrow = line.find(" => ");
        if (!known || number == 0 || number > s.steps.size() || arrow == std::string::npos)
            continue;
        const step& one = s.steps[number - 1];
        const std::string rest = line.substr(arrow + 4);
        const std::string outcome = rest.substr(0, rest.find_first_of(" ;"));
        if (later) w.completion(number - 1, outcome);
        else w.call(one, number - 1, outcome);
        if (one.what == op::submit && !one.control) w.descriptor(rest);
        if (!later && number == until + 1) {
            if (outcome == "waits") w.waits(number - 1);
            break;
        }
        w.learn(one, line);
    }
    log.alone = w.last_alone(s.steps[until]);
    log.device = w.with_device(s.steps[until]);
    log.text = w.take();
    return log;
}

}  // namespace agree
