// SPDX-License-Identifier: MIT
#include "device/share.hpp"

#include "base/error_line.hpp"
#include "base/try.hpp"
#include "device/status.hpp"
#include "os/linux_machine.hpp"

#include <ashlar/shared_memory.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace ashlar {

using namespace device_room;
using nlohmann::json;

namespace {

constexpr int share_limit_seconds = 90;
constexpr const char* talk_alike = "use the same version of ashlar on both sides";

struct closed_later {
    int fd;
    ~closed_later() {
        if (fd >= 0) ::close(fd);
    }
};

result<std::span<std::byte>> map_memory(std::uint32_t id, const std::string& path,
                                        std::size_t bytes) {
    auto opened = os::this_linux().open_shared(path);
    if (!opened) {
        return failure(share_refused(id, opened.error().code,
                                     "the server can't open the client's memory",
                                     "run both in the same pid namespace, as root"));
    }
    const closed_later file{*opened};
    struct stat now{};
    if (::fstat(file.fd, &now) != 0 || !is_memory_that_stays(file.fd) ||
        static_cast<std::uint64_t>(now.st_size) < bytes) {
        return failure(share_refused(id, EINVAL, "it is no memory that stays (a sealed memfd)",
                                     "make it with ashlar::shared_memory::make"));
    }
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
    if (memory == MAP_FAILED) {
        return failure(share_refused(id, errno, "the server can't map it", "share less"));
    }
    return std::span(static_cast<std::byte*>(memory), bytes);
}

result<std::uint32_t> share(device::implementation& disk, const json& asked) {
    ASHLAR_CHECK(disk.check_shares());
    const auto bytes = asked.at("bytes").get<std::size_t>();
    ASHLAR_TRY(auto memory, map_memory(disk.id(), asked.at("path").get<std::string>(), bytes));
    auto index = disk.share(memory);
    if (!index) ::munmap(memory.data(), memory.size());
    return index;
}

result<std::uint32_t> unshare(device::implementation& disk, const json& asked) {
    const auto index = asked.at("index").get<std::uint32_t>();
    ASHLAR_TRY(auto memory, disk.unshare(index));
    ::munmap(memory.data(), memory.size());
    return index;
}

// The region's number, as the server answers.
result<std::uint32_t> ask(std::uint32_t id, const json& question) {
    ASHLAR_TRY(const std::string answer,
               ask_server(id, question.dump() + "\n", share_limit_seconds));
    if (auto failed = error_in(answer)) return failure(std::move(*failed));
    const json done = json::parse(answer, nullptr, false);
    if (!done.is_object() || !done.contains("index")) {
        return failure(share_refused(id, EPROTO, "its server gave no answer that can be understood",
                                     talk_alike));
    }
    return done.value("index", std::uint32_t{0});
}

}  // namespace

namespace device_room {

std::string shared_memory_name(std::uint32_t id) {
    return fmt::format("ashlar shared memory {}", id);
}

bool is_memory_that_stays(int fd) {
    const int seals = ::fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
}

error share_refused(std::uint32_t id, int code, std::string why, std::string remedy) {
    return {.operation = "share memory",
            .object = fmt::format("device {}", id),
            .code = code,
            .why = std::move(why),
            .remedy = std::move(remedy)};
}

std::string answer_share(device::implementation& disk, std::string_view question) {
    const json asked = json::parse(question, nullptr, false);
    if (!asked.is_object()) return {};
    try {
        const auto verb = asked.at("verb").get<std::string>();
        if (verb != "share" && verb != "unshare") return {};
        auto done = verb == "share" ? share(disk, asked) : unshare(disk, asked);
        if (!done) return line_of(done.error()) + "\n";
        return json{{"index", *done}}.dump() + "\n";
    } catch (const json::exception&) {
        return line_of(
                   share_refused(disk.id(), EINVAL, "the question is not complete", talk_alike)) +
               "\n";
    }
}

}  // namespace device_room

// Another server may have no right to look at its clients.
result<> device::implementation::check_shares() const {
    if (lane_.lane == lane::shared_memory && added_ && !ended()) return {};
    return failure(share_refused(id(), EOPNOTSUPP, "the device was not made for it",
                                 "make it with --lane shared-memory"));
}

result<std::uint32_t> device::implementation::share(std::span<std::byte> memory) {
    ASHLAR_CHECK(check_shares());
    const std::lock_guard lock(shared_->changes());
    ASHLAR_TRY(
        const std::uint32_t index,
        control_->register_buffer(
            id(), {.addr = reinterpret_cast<std::uintptr_t>(memory.data()), .len = memory.size()}));
    if (index < queue::shared_regions::most) {
        shared_->put(index, memory);
        return index;
    }
    ASHLAR_CHECK(control_->unregister_buffer(id(), index));
    return failure(share_refused(
        id(), ENOSPC, fmt::format("{} clients share memory with it", queue::shared_regions::most),
        "share one piece of memory among several threads"));
}

result<std::span<std::byte>> device::implementation::unshare(std::uint32_t index) {
    const std::lock_guard lock(shared_->changes());
    ASHLAR_CHECK(control_->unregister_buffer(id(), index));
    return shared_->take(index);
}

result<shared_memory> shared_memory::make(std::uint32_t device, std::size_t bytes) {
    const std::string name = shared_memory_name(device);
    const closed_later file{::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    const bool made = file.fd >= 0 && ::ftruncate(file.fd, static_cast<off_t>(bytes)) == 0 &&
                      ::fcntl(file.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0;
    void* memory =
        made ? ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0) : MAP_FAILED;
    if (memory == MAP_FAILED) {
        return failure(share_refused(device, errno, "there is no memory for it", "share less"));
    }
    const json question = {{"verb", "share"},
                           {"path", fmt::format("/proc/{}/fd/{}", ::getpid(), file.fd)},
                           {"bytes", bytes}};
    auto index = ask(device, question);
    if (!index) {
        ::munmap(memory, bytes);
        return failure(std::move(index).error());
    }
    return shared_memory(device, *index, {static_cast<std::byte*>(memory), bytes});
}

shared_memory::shared_memory(shared_memory&& other) noexcept
    : device_(other.device_), index_(other.index_), memory_(std::exchange(other.memory_, {})) {}

shared_memory::~shared_memory() {
    if (memory_.empty()) return;
    // A server that has gone has given it back already.
    [[maybe_unused]] const auto told = ask(device_, {{"verb", "unshare"}, {"index", index_}});
    ::munmap(memory_.data(), memory_.size());
}

}  // namespace ashlar
