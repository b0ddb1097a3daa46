// SPDX-License-Identifier: MIT
// What a ghost write needs: a write that lands long after the server that has sent it was killed.
//
//     ghost_disk below DIRECTORY        a RAM disk that holds the first write of the letter A
//                                       back: it makes the file "held" in the directory, waits for
//                                       "go", lets the write land, and makes "landed"
//     ghost_disk above DISK MODE|ID     a disk upon that one without a fence: its writes are done
//                                       by a process of their own, which outlives the server. MODE
//                                       (reissue) makes it, ID serves it again
//
// Each prints the disk's path, serves it until SIGTERM and removes it.
#include <ashlar/ashlar.hpp>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::uint64_t disk_bytes = 16 << 20;
constexpr std::size_t io_max = 64 << 10;

struct holding_disk {
    std::string directory;
    std::vector<std::byte> bytes = std::vector<std::byte>(disk_bytes);
    bool held = false;

    [[nodiscard]] static std::uint64_t size() { return disk_bytes; }
    ashlar::task<> read(ashlar::request& r) {
        std::memcpy(r.data().data(), &bytes[r.offset()], r.length());
        co_return;
    }
    ashlar::task<std::error_code> write(ashlar::request& r) {
        const bool holds = !held && r.data()[0] == std::byte{'A'};
        if (holds) {
            held = true;
            std::ofstream(directory + "/held").flush();
            while (::access((directory + "/go").c_str(), F_OK) != 0) {
                const std::error_code waited =
                    co_await r.ring().wait(std::chrono::milliseconds(20));
                if (waited) co_return waited;
            }
        }
        std::memcpy(&bytes[r.offset()], r.data().data(), r.length());
        if (holds) std::ofstream(directory + "/landed").flush();
        co_return std::error_code();
    }
};

struct letter {
    std::uint64_t at;
    std::uint64_t length;
};

// The other process: takes writes until the server's end, and answers each.
[[noreturn]] void carry(int disk, int from) {
    alignas(4096) static std::byte data[io_max];
    letter l{};
    while (::recv(from, &l, sizeof l, MSG_WAITALL) == sizeof l &&
           ::recv(from, data, l.length, MSG_WAITALL) == static_cast<ssize_t>(l.length)) {
        const bool done = ::pwrite(disk, data, l.length, static_cast<off_t>(l.at)) ==
                          static_cast<ssize_t>(l.length);
        const int code = done ? 0 : EIO;
        ::send(from, &code, sizeof code, MSG_NOSIGNAL);
    }
    ::_exit(0);
}

struct carried_disk {
    int disk;
    int carrier;
    static constexpr auto durability = ashlar::durability::volatile_cache;

    [[nodiscard]] static std::uint64_t size() { return disk_bytes; }
    std::error_code read(std::uint64_t at, std::span<std::byte> out) const {
        const ssize_t got = ::pread(disk, out.data(), out.size(), static_cast<off_t>(at));
        return ashlar::io_error(got == static_cast<ssize_t>(out.size()) ? 0 : EIO);
    }
    std::error_code write(std::uint64_t at, std::span<const std::byte> in) const {
        const letter l{at, in.size()};
        int code = EIO;
        if (::send(carrier, &l, sizeof l, MSG_NOSIGNAL) != sizeof l ||
            ::send(carrier, in.data(), in.size(), MSG_NOSIGNAL) !=
                static_cast<ssize_t>(in.size()) ||
            ::recv(carrier, &code, sizeof code, MSG_WAITALL) != sizeof code) {
            return ashlar::io_error(EIO);
        }
        return ashlar::io_error(code);
    }
    std::error_code flush() const { return ashlar::io_error(::fdatasync(disk) == 0 ? 0 : EIO); }
};

int failed(const ashlar::error& e) {
    std::fprintf(stderr, "%s\n", e.text().c_str());
    return 1;
}

int serve_above(const char* path, std::string_view word) {
    const int disk = ::open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    int ends[2];
    if (disk < 0 || ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        std::perror(path);
        return 1;
    }
    // Before the device is there: it holds nothing of that.
    if (::fork() == 0) {
        ::close(ends[0]);
        carry(disk, ends[1]);
    }
    ::close(ends[1]);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    const ashlar::target served(carried_disk{disk, ends[0]});
    ashlar::options wanted{
        .kind = "ghost", .max_io = io_max, .recovery = ashlar::recovery::reissue, .unfenced = true};
    std::uint32_t id = 0;
    const bool made = std::from_chars(word.data(), word.data() + word.size(), id).ec != std::errc();
    auto device =
        made ? ashlar::device::start(served, wanted) : ashlar::device::recover(id, served, wanted);
    if (!device) return failed(device.error());
    std::printf("%s\n", device->path().c_str());
    std::fflush(stdout);
    int got = 0;
    sigwait(&set, &got);
    auto stopped = device->stop();
    return stopped ? 0 : failed(stopped.error());
}

}  // namespace

int main(int count, char** words) {
    const std::string_view role = count > 1 ? words[1] : "";
    if (role == "below" && count == 3) {
        return ashlar::serve(holding_disk{.directory = words[2]}, {.kind = "holding"});
    }
    if (role == "above" && count == 4) return serve_above(words[2], words[3]);
    std::fprintf(stderr, "usage: ghost_disk below DIRECTORY | above DISK reissue|ID\n");
    return 2;
}
