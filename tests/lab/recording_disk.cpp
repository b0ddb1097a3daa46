// SPDX-License-Identifier: MIT
// A RAM disk that writes down what it is asked: one line a request, "OPERATION OFFSET LENGTH", in
// the order in which the requests are answered.
//
//     recording_disk SIZE FILE none|write-through|volatile-cache [MAX_IO]
//
// The kernel's flag for FUA is not seen by targets: such a write shows as a write with a flush
// behind it.
#include <ashlar/ashlar.hpp>

#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace {

class recording_disk {
public:
    recording_disk(std::uint64_t size, int file, ashlar::durability durability)
        : bytes_(size), file_(file), durability_(durability) {}

    [[nodiscard]] std::uint64_t size() const { return bytes_.size(); }
    [[nodiscard]] ashlar::durability durability() const { return durability_; }

    void read(std::uint64_t at, std::span<std::byte> out) {
        std::memcpy(out.data(), &bytes_[at], out.size());
        record("read", at, out.size());
    }
    void write(std::uint64_t at, std::span<const std::byte> in) {
        std::memcpy(&bytes_[at], in.data(), in.size());
        record("write", at, in.size());
    }
    void flush() { record("flush", 0, 0); }
    void discard(std::uint64_t at, std::uint64_t length) {
        std::memset(&bytes_[at], 0, length);
        record("discard", at, length);
    }

private:
    void record(const char* operation, std::uint64_t at, std::uint64_t length) const {
        char line[80];
        const int n = std::snprintf(line, sizeof line, "%s %llu %llu\n", operation,
                                    static_cast<unsigned long long>(at),
                                    static_cast<unsigned long long>(length));
        if (::write(file_, line, static_cast<std::size_t>(n)) != n) std::perror("record");
    }

    std::vector<std::byte> bytes_;
    int file_;
    ashlar::durability durability_;
};

int usage() {
    std::fputs("usage: recording_disk SIZE FILE none|write-through|volatile-cache [MAX_IO]\n",
               stderr);
    return 2;
}

}  // namespace

int main(int count, char** words) {
    if (count < 4 || count > 5) return usage();
    const std::string kind = words[3];
    auto durability = ashlar::durability::none;
    if (kind == "write-through") durability = ashlar::durability::write_through;
    if (kind == "volatile-cache") durability = ashlar::durability::volatile_cache;
    if (kind != "none" && durability == ashlar::durability::none) return usage();
    auto size = ashlar::parse_size(words[1], "SIZE");
    auto max_io = ashlar::parse_size(count == 5 ? words[4] : "512K", "MAX_IO");
    const int file = ::open(words[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (!size || !max_io || file < 0) return usage();
    return ashlar::serve(recording_disk(*size, file, durability),
                         {.kind = "recording", .max_io = static_cast<std::uint32_t>(*max_io)});
}
