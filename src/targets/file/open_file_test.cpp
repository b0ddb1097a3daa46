// SPDX-License-Identifier: MIT
// What is opened, refused and locked, on the files of this machine.
#include "targets/file/open_file.hpp"

#include "support/run_directory.hpp"
#include "targets/file/file.hpp"
#include "targets/file/file_lock.hpp"
#include "targets/file/memory_file.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ashlar;
using namespace ashlar::targets;

namespace {

struct place {
    test::run_directory directory;
    [[nodiscard]] std::string path(const std::string& name) const {
        return directory.path() + "/" + name;
    }
    [[nodiscard]] std::string file(const std::string& name, std::uint64_t bytes) const {
        std::ofstream(path(name)).put('x');
        std::filesystem::resize_file(path(name), bytes);
        return path(name);
    }
    static result<opened_file> open(file_request wanted) {
        wanted.patience_ms = 0;
        return open_file(wanted);
    }
    // The text of the refusal, which must name the file and say what to do.
    static std::string refusal(file_request wanted) {
        const std::string path = wanted.path;
        auto opened = open(std::move(wanted));
        REQUIRE(!opened);
        CHECK(opened.error().object == path);
        CHECK(opened.error().remedy != "");
        return opened.error().text();
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("what is no disk is refused by name, with a reason") {
    const place p;
    CHECK(has(p.refusal({.path = p.directory.path()}), "it is a directory"));
    CHECK(has(p.refusal({.path = "/dev/null"}), "it is a character device"));
    REQUIRE(::mkfifo(p.path("pipe").c_str(), 0600) == 0);
    CHECK(has(p.refusal({.path = p.path("pipe")}), "it is a pipe"));
    CHECK(has(p.refusal({.path = p.path("none")}), "--create"));
    CHECK(has(p.refusal({.path = p.file("empty", 0)}), "it is empty"));
    const std::string odd = p.file("odd", 1000);
    CHECK(has(p.refusal({.path = odd}), "1000 bytes, is not a multiple of the block, 512 bytes"));
    CHECK(has(p.refusal({.path = odd}), "--size 512"));
    const std::string small = p.file("small", 8192);
    CHECK(has(p.refusal({.path = small, .size = 16384}), "it has 8K, and the disk is to have 16K"));
    CHECK(has(p.refusal({.path = small, .offset = 8192}), "--offset"));
    CHECK(has(p.refusal({.path = small, .offset = 100}), "the offset, 100 bytes"));
    CHECK(has(p.refusal({.path = small, .size = 1000}), "1000 bytes"));
    CHECK(has(p.refusal({.path = small, .offset = ~std::uint64_t{0}}), "reach"));
    CHECK(has(p.refusal({.path = p.path("new"), .create = true}), "--size"));
    CHECK(!std::filesystem::exists(p.path("new")));
}

TEST_CASE("a disk is all of a file, or a window of it") {
    const place p;
    const std::string path = p.file("image", 1 << 20);
    auto whole = p.open({.path = path});
    REQUIRE(whole);
    CHECK(whole->spec.bytes == 1 << 20);
    CHECK(whole->spec.geometry.logical_block == 512);
    CHECK(whole->spec.geometry.physical_block >= 512);
    whole = {};
    auto part = p.open({.path = path, .offset = 4096, .size = 8192});
    REQUIRE(part);
    CHECK(part->spec.offset == 4096);
    CHECK(part->spec.bytes == 8192);
    CHECK(part->spec.bytes_now() == 8192);
    part = {};
    auto rest = p.open({.path = path, .offset = 4096});
    REQUIRE(rest);
    CHECK(rest->spec.bytes == (1 << 20) - 4096);
    std::filesystem::resize_file(path, (2 << 20) + 100);
    CHECK(rest->spec.bytes_now() == (2 << 20) - 4096);
}

TEST_CASE("a file is made longer where a larger disk needs it, and a device's size is kept") {
    const place p;
    const std::string path = p.file("image", 1 << 20);
    auto disk = p.open({.path = path, .offset = 4096});
    REQUIRE(disk);
    REQUIRE(disk->spec.make_room(4 << 20));
    CHECK(std::filesystem::file_size(path) == (4 << 20) + 4096);
    REQUIRE(disk->spec.make_room(512));
    CHECK(std::filesystem::file_size(path) == (4 << 20) + 4096);
    CHECK(disk->spec.bytes_now() == 4 << 20);
    CHECK(!disk->spec.make_room(~std::uint64_t{0}));
    disk = {};
    auto reader = p.open({.path = path, .read_only = true});
    REQUIRE(reader);
    REQUIRE(reader->spec.make_room(4 << 20));
    auto refused = reader->spec.make_room(8 << 20);
    REQUIRE(!refused);
    CHECK(has(refused.error().why, "it is read only"));
    CHECK(has(refused.error().remedy, "truncate -s 8388608"));
    reader = {};
    // Of a device that has a part of it, whatever it was made with.
    auto part = p.open({.path = path, .size = 1 << 20, .device_size = 2 << 20});
    REQUIRE(part);
    CHECK(part->spec.bytes == 2 << 20);
}

TEST_CASE("a file is made sparse, of offset and size, once") {
    const place p;
    const std::string path = p.path("made");
    for (int round = 0; round < 2; ++round) {
        auto made = p.open({.path = path, .offset = 512, .size = 1 << 30, .create = true});
        REQUIRE(made);
        CHECK(made->spec.bytes == 1 << 30);
        struct stat file = {};
        REQUIRE(::stat(path.c_str(), &file) == 0);
        CHECK(file.st_size == (1 << 30) + 512);
        CHECK(file.st_blocks * 512 < 1 << 20);
        CHECK((file.st_mode & 0777) == 0600);
    }
}

TEST_CASE("a file has one writer, or readers") {
    const place p;
    const std::string path = p.file("image", 1 << 20);
    auto writer = p.open({.path = path});
    REQUIRE(writer);
    CHECK(has(p.refusal({.path = path}), "EBUSY"));
    CHECK(has(p.refusal({.path = path, .read_only = true}), "EBUSY"));
    CHECK(p.open({.path = path, .locking = false}));
    writer = failure({});
    auto reader = p.open({.path = path, .read_only = true});
    REQUIRE(reader);
    CHECK(p.open({.path = path, .read_only = true}));
    CHECK(has(p.refusal({.path = path}), "EBUSY"));
    reader = failure({});
    CHECK(p.open({.path = path}));
}

TEST_CASE("a disk lasts as its file is locked, and the process that has it is named") {
    const place p;
    const std::string path = p.file("image", 1 << 20);
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        // As others lock: the whole file.
        struct flock all = {};
        all.l_type = F_WRLCK;
        const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        const char good = ::fcntl(fd, F_OFD_SETLK, &all) == 0 ? 'y' : 'n';
        if (::write(ready[1], &good, 1) != 1) ::_exit(1);
        ::pause();
        ::_exit(0);
    }
    char good = 0;
    REQUIRE(::read(ready[0], &good, 1) == 1);
    CHECK(good == 'y');
    CHECK(has(p.refusal({.path = path}), "process " + std::to_string(child) + " ("));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    CHECK(p.open({.path = path}));
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_CASE("the lock is handed over by a server that lives") {
    const place p;
    const std::string path = p.file("image", 1 << 20);
    auto first = p.open({.path = path});
    REQUIRE(first);
    auto second = p.open({.path = path, .predecessor = ::getpid()});
    REQUIRE(second);
    first = failure({});
    CHECK(has(p.refusal({.path = path}), "EBUSY"));
    second = failure({});
    CHECK(p.open({.path = path}));
}

TEST_CASE("qemu's own locks are seen, and it sees ours") {
    const place p;
    const std::string path = p.file("image", 1 << 20);
    const int qemu = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(qemu >= 0);
    const auto byte = [](short type, off_t at) {
        struct flock f = {};
        f.l_type = type;
        f.l_start = at;
        f.l_len = 1;
        return f;
    };
    // It writes, and stands no other writer.
    for (off_t at : {100, 101, 201, 203}) {
        struct flock f = byte(F_RDLCK, at);
        REQUIRE(::fcntl(qemu, F_OFD_SETLK, &f) == 0);
    }
    CHECK(has(p.refusal({.path = path}), "EBUSY"));
    CHECK(has(p.refusal({.path = path, .read_only = true}), "EBUSY"));
    ::close(qemu);
    auto ours = p.open({.path = path});
    REQUIRE(ours);
    const int other = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    // How it looks whether somebody writes, or stands no writer.
    for (off_t at : {101, 201}) {
        struct flock f = byte(F_WRLCK, at);
        REQUIRE(::fcntl(other, F_OFD_GETLK, &f) == 0);
        CHECK(f.l_type != F_UNLCK);
    }
    ::close(other);
}

TEST_CASE("direct I/O is used where it works, and refused in words where not") {
    const place p;
    const std::string path = p.file("image", 1 << 20);
    auto off = p.open({.path = path, .direct = direct_io::off});
    REQUIRE(off);
    CHECK(!off->direct);
    CHECK((::fcntl(off->spec.fd, F_GETFL) & O_DIRECT) == 0);
    off = failure({});
    auto on = p.open({.path = path, .direct = direct_io::on});
    if (on) {
        CHECK(on->direct);
        CHECK((::fcntl(on->spec.fd, F_GETFL) & O_DIRECT) != 0);
    } else {
        CHECK(has(on.error().text(), "--direct off"));
    }
}

TEST_CASE("a file in memory is a disk that is read and written at once") {
    const std::string path = "/dev/shm/ashlar-test-" + std::to_string(::getpid());
    auto opened = place::open({.path = path, .offset = 512, .size = 1 << 20, .create = true});
    if (!opened) return;  // this machine has no tmpfs there
    ::unlink(path.c_str());
    CHECK(opened->in_memory);
    auto disk = memory_file_disk<file_disk>::make(opened->spec);
    REQUIRE(disk);
    const std::vector<std::byte> data(8192, std::byte{6});
    std::vector<std::byte> found(8192);
    data_in in(data);
    CHECK(!(*disk)->write(4096, in));
    CHECK(in.left() == 0);
    data_out out(found);
    CHECK(!(*disk)->read(4096, out));
    CHECK(out.left() == 0);
    CHECK(found == data);
    REQUIRE(::ftruncate(opened->spec.fd, 8192) == 0);
    data_out more(found);
    CHECK((*disk)->read(4096, more) == io_error(EIO));
}

TEST_CASE("of a file in memory it is known which pages are there") {
    const std::string path = "/dev/shm/ashlar-test-" + std::to_string(::getpid());
    auto opened = place::open({.path = path, .size = 1 << 20, .create = true});
    if (!opened) return;  // this machine has no tmpfs there
    ::unlink(path.c_str());
    const int fd = opened->spec.fd;
    const std::vector<std::byte> data(8192, std::byte{6});
    REQUIRE(::pwrite(fd, data.data(), data.size(), 16384) == 8192);
    mapped_pages pages(fd, 512, (1 << 20) - 512);
    CHECK(pages.look(512, 1 << 19).unknown == 16384 - 512);
    const auto there = pages.look(16896, 1 << 19).there;
    REQUIRE(there.size() == 8192 - 512);
    CHECK(std::ranges::equal(there, std::span(data).first(there.size())));
    CHECK(pages.look(16384, 512).there.size() == 512);
    CHECK(pages.look(24576, 4096).unknown == 4096);
    pages.are_there(24576 + 512, 512);
    CHECK(pages.look(16384, 1 << 19).there.size() == 12288);
    pages.may_be_gone(20480, 4096);
    CHECK(pages.look(16384, 1 << 19).there.size() == 4096);
    CHECK(pages.look(20480, 1 << 19).unknown == 4096);
}

TEST_CASE("the options of the target file make a disk") {
    const place p;
    option_values values;
    CHECK(!file_kind.make(values));
    values.set("path", p.path("made"));
    values.set("size", "64M");
    values.set("create", "");
    values.set("direct", "off");
    auto disk = file_kind.make(values);
    REQUIRE(disk);
    CHECK(disk->size() == 64 << 20);
    CHECK(disk->table().can_write);
}
