// SPDX-License-Identifier: MIT
// A file as a disk, asynchronously: each request is a coroutine that awaits I/O on the ring of its
// own queue. Run it as root: file_disk IMAGE. Ctrl-C removes the disk.
#include <ashlar/ashlar.hpp>

#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>

struct File {
    int fd;
    std::uint64_t bytes;

    static constexpr auto durability = ashlar::durability::volatile_cache;
    std::uint64_t size() const { return bytes; }
    ashlar::task<std::error_code> read(ashlar::request& r) {
        co_return co_await r.ring().read(fd, r.data(), r.offset());
    }
    ashlar::task<std::error_code> write(ashlar::request& r) {
        co_return co_await r.ring().write(fd, r.data(), r.offset());
    }
    ashlar::task<std::error_code> flush(ashlar::request& r) {
        co_return co_await r.ring().data_sync(fd);
    }
    ashlar::task<std::error_code> discard(ashlar::request& r) {
        co_return co_await r.ring().allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                             r.offset(), r.length());
    }
};

int main(int count, char** words) {
    struct stat found = {};
    const int fd = count == 2 ? open(words[1], O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &found) != 0) {
        std::perror("usage: file_disk IMAGE: image");
        return 2;
    }
    return ashlar::serve(File{fd, static_cast<std::uint64_t>(found.st_size) / 512 * 512},
                         {.kind = "file"});
}
