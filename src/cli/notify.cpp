// SPDX-License-Identifier: MIT
#include "cli/notify.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace ashlar::cli {

void notify_manager(std::string_view state) {
    const char* place = std::getenv("NOTIFY_SOCKET");
    if (place == nullptr) return;
    const std::string_view name = place;
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (name.empty() || name.size() >= sizeof address.sun_path) return;
    std::ranges::copy(name, address.sun_path);
    // An abstract name begins with a zero byte, written as @.
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    // Who does not listen can't be told.
    [[maybe_unused]] const auto sent =
        ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), length);
    ::close(fd);
}

int watchdog_pause_ms() {
    const auto number = [](const char* name) {
        long long value = 0;
        if (const char* text = std::getenv(name)) {
            std::from_chars(text, text + std::strlen(text), value);
        }
        return value;
    };
    const long long period_us = number("WATCHDOG_USEC"), pid = number("WATCHDOG_PID");
    if (period_us <= 0 || (pid != 0 && pid != ::getpid())) return 0;
    return static_cast<int>(std::clamp(period_us / 2000, 1LL, 3'600'000LL));
}

}  // namespace ashlar::cli
