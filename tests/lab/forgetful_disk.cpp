// SPDX-License-Identifier: MIT
// A file as a disk that answers flushes and does nothing: what a power cut must bring to light.
//
//     forgetful_disk FILE
#include <ashlar/ashlar.hpp>

#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace {

struct forgetful_disk {
    int fd;
    std::uint64_t bytes;
    static constexpr auto durability = ashlar::durability::volatile_cache;

    [[nodiscard]] std::uint64_t size() const { return bytes; }
    ashlar::task<std::error_code> read(ashlar::request& r) const {
        const std::error_code failed = co_await r.read_from(fd, r.offset());
        co_return failed;
    }
    ashlar::task<std::error_code> write(ashlar::request& r) const {
        const std::error_code failed = co_await r.write_to(fd, r.offset());
        co_return failed;
    }
    void flush() const {}
};

}  // namespace

int main(int count, char** words) {
    const int fd = count == 2 ? ::open(words[1], O_RDWR | O_DIRECT | O_CLOEXEC) : -1;
    const off_t end = fd < 0 ? -1 : ::lseek(fd, 0, SEEK_END);
    if (end <= 0) {
        std::perror("usage: forgetful_disk FILE: FILE");
        return 2;
    }
    return ashlar::serve(forgetful_disk{fd, static_cast<std::uint64_t>(end)},
                         {.kind = "forgetful"});
}
