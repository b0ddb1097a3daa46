// SPDX-License-Identifier: MIT
// Several disks in one program, with threads that they share. "many_disks 16" makes sixteen.
#include <ashlar/ashlar.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>

struct Ram {
    std::vector<std::byte> bytes;

    std::uint64_t size() const { return bytes.size(); }
    void read(std::uint64_t at, std::span<std::byte> out) {
        std::ranges::copy_n(&bytes[at], static_cast<std::ptrdiff_t>(out.size()), out.data());
    }
    void write(std::uint64_t at, std::span<const std::byte> in) {
        std::ranges::copy(in, &bytes[at]);
    }
};

int main(int count, char** words) {
    // Before there are threads, so that they block them, too.
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);

    auto threads = ashlar::threads::start();
    if (!threads) return std::fputs(threads.error().text().c_str(), stderr), 1;
    std::vector<ashlar::device> disks;
    for (int left = count > 1 ? std::atoi(words[1]) : 4; left > 0; --left) {
        Ram ram{std::vector<std::byte>(16 << 20)};
        auto disk = ashlar::device::start(ashlar::target(std::move(ram)), {.threads = *threads});
        if (!disk) return std::fputs(disk.error().text().c_str(), stderr), 1;
        std::puts(disk->path().c_str());
        disks.push_back(std::move(*disk));
    }
    std::fflush(stdout);
    int signal = 0;
    sigwait(&ends, &signal);
}
