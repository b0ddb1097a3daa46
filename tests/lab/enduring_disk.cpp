// SPDX-License-Identifier: MIT
// A file as a disk that may outlive its server.
//
//     enduring_disk FILE none|wait|reissue|fail [SLOW_US [QUEUES]]   makes it
//     enduring_disk FILE ID [SLOW_US]                                serves it again
//
// Prints the disk's path, serves it until SIGTERM and removes it. A slow one takes this time, in
// microseconds, for each request, so that its requests pile up.
#include <ashlar/ashlar.hpp>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace {

struct file_disk {
    int fd;
    std::uint64_t bytes;
    unsigned slow_us;
    static constexpr auto fence = ashlar::fence::process;

    [[nodiscard]] std::uint64_t size() const { return bytes; }
    std::error_code read(std::uint64_t at, std::span<std::byte> out) const {
        if (slow_us != 0) ::usleep(slow_us);
        while (!out.empty()) {
            const ssize_t got = ::pread(fd, out.data(), out.size(), static_cast<off_t>(at));
            if (got <= 0) return ashlar::io_error(got < 0 ? errno : EIO);
            at += static_cast<std::uint64_t>(got);
            out = out.subspan(static_cast<std::size_t>(got));
        }
        return {};
    }
    std::error_code write(std::uint64_t at, std::span<const std::byte> in) const {
        if (slow_us != 0) ::usleep(slow_us);
        while (!in.empty()) {
            const ssize_t put = ::pwrite(fd, in.data(), in.size(), static_cast<off_t>(at));
            if (put <= 0) return ashlar::io_error(put < 0 ? errno : ENOSPC);
            at += static_cast<std::uint64_t>(put);
            in = in.subspan(static_cast<std::size_t>(put));
        }
        return {};
    }
};

std::optional<ashlar::recovery> mode_of(std::string_view word) {
    if (word == "none") return ashlar::recovery::none;
    if (word == "wait") return ashlar::recovery::wait;
    if (word == "reissue") return ashlar::recovery::reissue;
    if (word == "fail") return ashlar::recovery::fail;
    return std::nullopt;
}

int failed(const ashlar::error& e) {
    std::fprintf(stderr, "%s\n", e.text().c_str());
    return 1;
}

int serve(const file_disk& file, std::string_view word, unsigned queues) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);

    const ashlar::target served(file);
    std::uint32_t id = 0;
    const auto mode = mode_of(word);
    const auto number = std::from_chars(word.data(), word.data() + word.size(), id);
    if (!mode && number.ptr != word.data() + word.size()) return 2;
    auto disk = mode ? ashlar::device::start(
                           served, {.kind = "enduring", .queues = queues, .recovery = *mode})
                     : ashlar::device::recover(id, served, {.kind = "recovered"});
    if (!disk) return failed(disk.error());
    std::printf("%s\n", disk->path().c_str());
    std::fflush(stdout);
    int got = 0;
    sigwait(&ends, &got);
    auto stopped = disk->stop();
    return stopped ? 0 : failed(stopped.error());
}

}  // namespace

int main(int count, char** words) {
    struct stat found{};
    const int fd = count >= 3 ? ::open(words[1], O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0 || ::fstat(fd, &found) != 0) {
        std::perror("usage: enduring_disk FILE MODE|ID [SLOW_US [QUEUES]]: FILE");
        return 2;
    }
    const auto number = [&](int at, unsigned otherwise) {
        return count > at ? static_cast<unsigned>(std::atoi(words[at])) : otherwise;
    };
    return serve({fd, static_cast<std::uint64_t>(found.st_size), number(3, 0)}, words[2],
                 number(4, 1));
}
