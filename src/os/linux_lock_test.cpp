// SPDX-License-Identifier: MIT
#include "os/linux_lock.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cerrno>
#include <unistd.h>

using namespace ashlar;

namespace {

int open_lock(const std::string& path) {
    const int fd = ::open(path.c_str(), os::lock_file_flags | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    return fd;
}

}  // namespace

TEST_CASE("a lock that somebody else has is waited for with a limit, and its owner is named") {
    const std::string path = fmt::format("/tmp/ashlar-lock-test.{}", ::getpid());
    auto first = os::lock_within(open_lock(path), path, 0);
    REQUIRE(first);
    auto second = os::lock_within(open_lock(path), path, 20'000'000);
    REQUIRE(!second);
    CHECK(second.error().code == ETIMEDOUT);
    CHECK(second.error().why == fmt::format("process {} has held it all the time", ::getpid()));
    CHECK(second.error().remedy.find("ashlar why") != std::string::npos);
    first->reset();
    CHECK(os::lock_within(open_lock(path), path, 0).has_value());
    ::unlink(path.c_str());
    auto nowhere = os::linux_machine().lock_path("/nonexistent/lock");
    REQUIRE(!nowhere);
    CHECK(nowhere.error().code == ENOENT);
}
