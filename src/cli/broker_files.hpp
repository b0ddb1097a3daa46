// SPDX-License-Identifier: MIT
// Memory of a client, which a broker opens for its server and names to the driver.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace ashlar::cli {

// True for another process's descriptor by its number, "/proc/7/fd/4".
[[nodiscard]] bool names_descriptor(const std::string& path);

// Memory of another process, if it is `allowed` by the name of its file and can't be taken away (a
// sealed memfd): a descriptor, the caller's; else -errno. Nothing else is opened by it.
int open_memory(const std::string& path, const std::function<bool(std::string_view)>& allowed);

// Memory of a descriptor, mapped into this process for a command that names it.
class mapped_memory {
public:
    mapped_memory() = default;
    mapped_memory(const mapped_memory&) = delete;
    mapped_memory& operator=(const mapped_memory&) = delete;
    ~mapped_memory() { drop(); }
    // All of it, in place of what was mapped before; nothing if that can't be.
    void map(int fd);
    void drop();
    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

private:
    std::span<std::byte> bytes_;
};

}  // namespace ashlar::cli
