// SPDX-License-Identifier: MIT
#include "doctor/trial.hpp"

#include "device/life.hpp"
#include "device/nodes.hpp"
#include "doctor/bounded.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace ashlar::doctor {

namespace {

using json = nlohmann::json;
using clock = std::chrono::steady_clock;

constexpr std::uint64_t disk_bytes = 1 << 20;
constexpr std::size_t read_bytes = 4096;

struct empty_disk {
    [[nodiscard]] std::uint64_t size() const { return disk_bytes; }
    static std::error_code read(std::uint64_t, std::span<std::byte> out) {
        std::memset(out.data(), 0, out.size());
        return {};
    }
};

json as_json(const error& e) {
    return {{"operation", e.operation}, {"object", e.object}, {"code", e.code}, {"why", e.why},
            {"remedy", e.remedy},       {"rule", e.rule}};
}

error as_error(const json& j) {
    return {.operation = j.value("operation", ""),
            .object = j.value("object", ""),
            .code = j.value("code", 0),
            .why = j.value("why", ""),
            .remedy = j.value("remedy", ""),
            .rule = j.value("rule", "")};
}

// The child: tells each step, and the end of its start; then serves until it gets a word.
int serve_for_trial(const helper::channel& parent) {
    auto say = [&](const char* key, json value, std::string detail = {}) {
        const json message = {{key, std::move(value)}, {"detail", std::move(detail)}};
        parent.say(message.dump(-1, ' ', false, json::error_handler_t::replace));
    };
    set_log_sink([](level, std::string_view) {});
    options wanted{.kind = "doctor", .queues = 1, .depth = 4, .max_io = 4096};
    wanted.on_step = [&](const step& s) { say("step", std::string(name(s.what)), s.detail); };
    auto started =
        device::implementation::start(os::linux_machine(), target(empty_disk{}), std::move(wanted));
    if (!started) {
        say("failed", as_json(started.error()));
        return 1;
    }
    say("ready", (*started)->id());
    parent.await_word();
    auto stopped = (*started)->stop(stop_when::now);
    if (!stopped) say("failed", as_json(stopped.error()));
    return stopped ? 0 : 1;
}

// 0, or an errno.
int read_first_block(const std::string& path) {
    int fd = ::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0) return errno;
    void* memory = std::aligned_alloc(read_bytes, read_bytes);
    if (memory == nullptr) return ENOMEM;
    const ssize_t got = ::pread(fd, memory, read_bytes, 0);
    const int code = got < 0 ? errno : got == static_cast<ssize_t>(read_bytes) ? 0 : EIO;
    std::free(memory);
    ::close(fd);
    return code;
}

class run {
public:
    explicit run(std::uint64_t limit_ns) : limit_ns_(limit_ns), server_(&serve_for_trial) {}

    trial outcome() {
        if (follow_start() && read_disk()) take_away();
        return std::move(trial_);
    }

private:
    // Reads what the server tells until it is ready; false if it can't be served.
    bool follow_start() {
        for (;;) {
            const auto line = server_.line(limit_ns_);
            if (!line) return no_word();
            const json told = json::parse(*line, nullptr, false);
            if (!told.is_object()) continue;
            if (told.contains("step")) {
                add_step(told["step"], true, told.value("detail", ""));
                if (told["step"] == "ADD_DEV") note_id(told.value("detail", ""));
            } else if (told.contains("failed")) {
                trial_.failed = as_error(told["failed"]);
                add_step(next_name(), false, {});
                trial_.left.reset();  // a start that failed has taken away what it made
                server_.end(limit_ns_);
                return false;
            } else if (told.contains("ready")) {
                trial_.left = told["ready"].get<std::uint32_t>();
                return true;
            }
        }
    }

    bool no_word() {
        const std::string name = next_name();
        const bool ended = server_.end(0).has_value();
        add_step(name, false, {});
        trial_.failed = error{.operation = name, .code = ended ? 0 : ETIMEDOUT};
        trial_.failed->why = ended ? "the server ended without a word"
                                   : fmt::format("no answer in {} s", limit_ns_ / 1'000'000'000);
        trial_.failed->remedy = "see the kernel's log (dmesg)";
        give_up();
        return false;
    }

    bool read_disk() {
        const std::string path = device_room::block_path(*trial_.left);
        helper reader([&](const helper::channel&) { return read_first_block(path); });
        const auto code = reader.end(limit_ns_);
        add_step(next_name(), code && *code == 0, fmt::format("{} bytes read", read_bytes));
        if (code && *code == 0) return true;
        trial_.failed =
            error{.operation = "read", .object = path, .code = code.value_or(ETIMEDOUT)};
        trial_.failed->why = "the disk is there, and does not answer";
        trial_.failed->remedy = "see the kernel's log (dmesg)";
        give_up();
        return false;
    }

    void take_away() {
        server_.send_word();
        const auto status = server_.end(limit_ns_);
        if (status && *status == 0) {
            trial_.left.reset();
            return;
        }
        trial_.failed = error{.operation = "remove the device",
                              .code = status ? 0 : ETIMEDOUT,
                              .why = "it was served, and could not be taken away again",
                              .remedy = fmt::format("ashlar why {}", *trial_.left)};
        give_up();
    }

    // Ends the server in any case, and deletes what it leaves behind.
    void give_up() {
        if (server_.pid() > 0) ::kill(server_.pid(), SIGKILL);
        server_.end(limit_ns_);
        if (!trial_.left) return;
        const std::uint32_t id = *trial_.left;
        helper remover([&](const helper::channel&) {
            auto c = control::control::open(os::linux_machine(), false);
            return c && (*c)->stop(id) && (*c)->remove(id, limit_ns_) ? 0 : 1;
        });
        const auto status = remover.end(limit_ns_);
        if (status && *status == 0) trial_.left.reset();
    }

    [[nodiscard]] std::string next_name() const {
        return std::string(name(static_cast<step::kind>(trial_.steps.size())));
    }

    void note_id(const std::string& detail) {
        unsigned id = 0;
        if (std::sscanf(detail.c_str(), "device %u", &id) == 1) trial_.left = id;
    }

    void add_step(std::string name, bool done, std::string detail) {
        const auto now = clock::now();
        const auto took = std::chrono::nanoseconds(now - last_).count();
        last_ = now;
        trial_.steps.push_back({.name = std::move(name),
                                .done = done,
                                .took_ns = static_cast<std::uint64_t>(took),
                                .detail = std::move(detail)});
    }

    std::uint64_t limit_ns_;
    clock::time_point last_ = clock::now();
    helper server_;
    trial trial_;
};

}  // namespace

trial run_trial(std::uint64_t step_limit_ns) { return run(step_limit_ns).outcome(); }

}  // namespace ashlar::doctor
