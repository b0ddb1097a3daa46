// SPDX-License-Identifier: MIT
#include "cli/broker.hpp"

#include "base/error_line.hpp"
#include "cli/broker_files.hpp"
#include "device/record.hpp"
#include "device/share.hpp"
#include "os/linux_broker.hpp"
#include "os/linux_lock.hpp"
#include "uapi/ublk.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

using namespace ashlar;
using namespace ashlar::cli;
using enum uapi::ctrl_op;

namespace {

constexpr pid_t server = 4711;

struct sent {
    uapi::ctrl_cmd header;
    [[nodiscard]] std::span<const std::byte> bytes() const {
        return std::as_bytes(std::span(&header, 1));
    }
};

bool may(const brokered_rights& rights, uapi::ctrl_op op, std::uint32_t id,
         std::uint64_t data = 0) {
    const sent s{{.dev_id = id, .data = {data}}};
    const bool encoded = rights.allow(uapi::encoded(op), s.bytes());
    CHECK(rights.allow(uapi::raw(op), s.bytes()) == encoded);
    return encoded;
}

// The other end of a socket, which does as it is told.
class played_broker {
public:
    played_broker() { REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends_) == 0); }
    played_broker(const played_broker&) = delete;
    played_broker& operator=(const played_broker&) = delete;
    ~played_broker() { hang_up(); }
    void hang_up() {
        if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
    }
    [[nodiscard]] int servers_end() const { return ends_[0]; }
    os::broker_question hear(std::string& payload) const {
        char message[1024];
        const ssize_t got = ::recv(ends_[1], message, sizeof message, 0);
        os::broker_question q;
        REQUIRE(got >= static_cast<ssize_t>(sizeof q));
        std::memcpy(&q, message, sizeof q);
        payload.assign(message + sizeof q, message + got);
        return q;
    }
    void say(std::uint64_t sequence, std::int64_t outcome, std::string_view payload,
             int fd = -1) const {
        char message[1024];
        const os::broker_answer head{.sequence = sequence, .outcome = outcome};
        std::memcpy(message, &head, sizeof head);
        std::memcpy(message + sizeof head, payload.data(), payload.size());
        const auto all = std::as_bytes(std::span(message)).first(sizeof head + payload.size());
        REQUIRE(os::send_with_descriptor(ends_[1], all, fd) > 0);
    }

private:
    int ends_[2] = {-1, -1};
};

}  // namespace

TEST_CASE("a broker changes the device of its server, and looks at all") {
    const brokered_rights rights(server, 3);
    for (auto op : {set_params, stop_dev, try_stop_dev, del_dev, start_user_recovery, update_size,
                    quiesce_dev, reg_buf, unreg_buf}) {
        CHECK(may(rights, op, 3));
        CHECK(!may(rights, op, 4));
    }
    CHECK(may(rights, get_dev_info, 4));
    CHECK(!may(rights, add_dev, 3));
    // Nobody else becomes the device's server by it.
    CHECK(may(rights, end_user_recovery, 3, server));
    CHECK(!may(rights, end_user_recovery, 3, 1));
    CHECK(!may(rights, start_dev, 3, 1));
    CHECK(rights.allow_disk("ublkb3"));
    CHECK(!rights.allow_disk("ublkb4"));
    CHECK(!rights.allow(0x4712, sent{}.bytes()));
}

TEST_CASE("a broker opens, writes and removes what is its server's device's, and nothing else") {
    const brokered_rights rights(server, 3);
    CHECK(rights.allow_open("/dev/ublkb3", O_RDONLY | O_EXCL));
    CHECK(!rights.allow_open("/dev/ublkb3", O_RDWR));
    CHECK(!rights.allow_open("/dev/ublkb33", O_RDONLY | O_EXCL));
    CHECK(!rights.allow_open("/dev/ublkc3", O_RDWR));
    CHECK(!rights.allow_open("/dev/sda", O_RDONLY | O_EXCL));
    CHECK(rights.allow_open(device_room::lock_path(), os::lock_file_flags));
    CHECK(!rights.allow_open(device_room::lock_path(), O_RDWR | O_CREAT));
    CHECK(rights.allow_write(device_room::record_path(3)));
    CHECK(!rights.allow_write(device_room::record_path(4)));
    CHECK(!rights.allow_write(device_room::log_path(3)));
    CHECK(!rights.allow_write(device_room::record_path(3) + "/../4.json"));
    for (auto path :
         {&device_room::record_path, &device_room::socket_path, &device_room::log_path}) {
        CHECK(rights.allow_removal(path(3)));
        CHECK(!rights.allow_removal(path(4)));
    }
    CHECK(!rights.allow_removal("/etc/passwd"));
    CHECK(rights.allow_memory("/memfd:ashlar shared memory 3 (deleted)"));
    CHECK(!rights.allow_memory("/memfd:ashlar shared memory 4 (deleted)"));
    CHECK(!rights.allow_memory(""));
}

TEST_CASE("memory that another process shares is opened if it is named so and stays") {
    const auto own = [](int fd) { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd); };
    const std::string name = device_room::shared_memory_name(3);
    const auto allowed = [&](std::string_view file) {
        return file == "/memfd:" + name + " (deleted)";
    };
    CHECK(names_descriptor(own(4)));
    for (const char* path : {"/proc/self/fd/4", "/proc/7/fd/4/x", "/proc/7/mem", "/dev/sda"}) {
        CHECK(!names_descriptor(path));
    }
    const int memory = ::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
    REQUIRE(::ftruncate(memory, 8192) == 0);
    CHECK(open_memory(own(memory), allowed) == -EPERM);
    REQUIRE(::fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    const int opened = open_memory(own(memory), allowed);
    REQUIRE(opened >= 0);
    mapped_memory mapped;
    mapped.map(opened);
    REQUIRE(mapped.bytes().size() == 8192);
    mapped.bytes()[4096] = std::byte{7};
    char seen = 0;
    CHECK(::pread(memory, &seen, 1, 4096) == 1);
    CHECK(seen == 7);
    mapped.drop();
    CHECK(mapped.bytes().empty());
    const int other = ::memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    REQUIRE(::fcntl(other, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    CHECK(open_memory(own(other), allowed) == -EPERM);
    const int closed = ::dup(other);
    for (const int fd : {memory, opened, other, closed}) ::close(fd);
    CHECK(open_memory(own(closed), allowed) == -ENOENT);
}

TEST_CASE("a broker makes one device, which is its server's from then on") {
    brokered_rights rights(server, std::nullopt);
    CHECK(!may(rights, stop_dev, 5));
    REQUIRE(may(rights, add_dev, 0xffffffff));
    uapi::ctrl_dev_info made;
    made.dev_id = 5;
    rights.note(uapi::encoded(add_dev), sent{}.bytes(), std::as_bytes(std::span(&made, 1)));
    CHECK(may(rights, stop_dev, 5));
    CHECK(!may(rights, add_dev, 0xffffffff));
    rights.note(uapi::encoded(del_dev), sent{{.dev_id = 5}}.bytes(), {});
    CHECK(!may(rights, stop_dev, 5));
}

TEST_CASE("commands go to the broker and come back; late answers are not mistaken for others") {
    played_broker played;
    const auto broker = os::broker_at(played.servers_end(), true, 50'000'000);
    std::thread other([&] {
        std::string payload;
        const auto first = played.hear(payload);
        CHECK(payload == "four");
        const auto second = played.hear(payload);
        played.say(first.sequence, 7, "late");
        played.say(second.sequence, 9, "FIVE!");
        const auto third = played.hear(payload);
        CHECK(third.what == os::broker_question::kind::holders);
        CHECK(payload == "ublkb0");
        played.say(third.sequence, 0, os::text_of({{12, "a\tb", "open"}, {0, "", "used by dm-0"}}));
    });
    const uapi::ctrl_cmd header{};
    const auto head = std::as_bytes(std::span(&header, 1));
    std::string payload = "four";
    CHECK(broker->command(1, head, std::as_writable_bytes(std::span(payload)), 0) == -ETIMEDOUT);
    CHECK(payload == "four");
    payload = "five";
    CHECK(broker->command(1, head, std::as_writable_bytes(std::span(payload)), 60'000'000'000) ==
          9);
    CHECK(payload == "FIVE");
    const auto holders = broker->holders_of("ublkb0");
    other.join();
    REQUIRE(holders.size() == 2);
    CHECK(holders[0] == os::holder{12, "a b", "open"});
    CHECK(holders[1] == os::holder{0, "", "used by dm-0"});
    played.hang_up();
    CHECK(broker->command(1, head, {}, 0) == -EPIPE);
}

TEST_CASE("descriptors come with answers, those of late ones are closed, and files are written") {
    played_broker played;
    const auto broker = os::broker_at(played.servers_end(), true);
    const int lent = ::memfd_create("lent", MFD_CLOEXEC);
    std::thread other([&] {
        std::string payload;
        const auto first = played.hear(payload);
        CHECK(first.what == os::broker_question::kind::open);
        CHECK(first.number == O_RDWR);
        CHECK(payload == "/a/path");
        played.say(first.sequence - 1, 0, "", lent);
        played.say(first.sequence, 0, "", lent);
        played.say(played.hear(payload).sequence, -EBUSY, "");
        const auto third = played.hear(payload);
        CHECK(third.what == os::broker_question::kind::replace_file);
        CHECK(payload.substr(0, third.number) == "/a/record");
        CHECK(payload.substr(third.number) == "its text");
        played.say(third.sequence, -ENOSPC, "");
        played.say(played.hear(payload).sequence, 4711, "");
    });
    const int next = ::dup(lent);
    ::close(next);
    const auto opened = broker->open("/a/path", O_RDWR);
    REQUIRE(opened);
    // What came too late is not open, and this one is the same file.
    CHECK(::fcntl(next, F_GETFD) == (*opened == next ? FD_CLOEXEC : -1));
    CHECK(::write(*opened, "x", 1) == 1);
    char seen = 0;
    CHECK(::pread(lent, &seen, 1, 0) == 1);
    const auto busy = broker->open("/a/path", O_RDONLY);
    REQUIRE(!busy);
    CHECK(busy.error().code == EBUSY);
    const auto full = broker->replace_file("/a/record", "its text");
    REQUIRE(!full);
    CHECK(full.error().code == ENOSPC);
    CHECK(broker->lock_owner("/a/lock") == 4711);
    other.join();
    played.hang_up();
    const auto gone = broker->replace_file("/a/record", "its text");
    REQUIRE(!gone);
    CHECK(gone.error().code == EPIPE);
    CHECK(gone.error().remedy.find("ashlar upgrade") != std::string::npos);
    CHECK(broker->lock_owner("/a/lock") == 0);
    ::close(*opened);
    ::close(lent);
}

TEST_CASE("what keeps a broker from its work is told to its server") {
    played_broker played;
    const auto broker = os::broker_at(played.servers_end(), std::nullopt);
    std::thread other([&] {
        std::string payload;
        const auto first = played.hear(payload);
        CHECK(first.what == os::broker_question::kind::open_driver);
        CHECK(first.number == 1);
        played.say(first.sequence, -EIO,
                   line_of({.operation = "open", .code = ENOENT, .why = "no driver"}));
        const auto second = played.hear(payload);
        CHECK(second.number == 0);
        played.say(second.sequence, 0, "");
    });
    const auto refused = broker->open_driver(true);
    REQUIRE(!refused);
    CHECK(refused.error().why == "no driver");
    CHECK(broker->open_driver(false));
    other.join();
    played.hang_up();
    const auto gone = broker->open_driver(false);
    REQUIRE(!gone);
    CHECK(gone.error().code == EPIPE);
}
