// SPDX-License-Identifier: MIT
// A RAM disk that fails where it is told to.
//
//     faulty_disk SIZE [FAULT@OFFSET+LENGTH | OPTION]...
//
// A read or write that touches such a range meets its fault:
//     eio, enospc      is answered with this errno
//     negative, huge   … with a code that is no errno: -5, 100000
//     foreign          … with a code of a category that knows no errno
//     throw            throws std::runtime_error; throw-int: an int
//     throw-enospc     throws std::system_error with ENOSPC
//     throw-late       throws after it has waited (not with --plain)
//     hang             is not answered (not with --plain)
//     late             waits 200 ms, then goes on as usual (not with --plain)
// Bugs that a verifying reader must find:
//     swap             writes go to the neighbour: block 2n of 4 KiB and 2n + 1 change places
//     lose             writes are answered and forgotten
//     flip             reads get one wrong bit
// Options:
//     --plain          handlers are plain functions, not coroutines
//     --slow-discard FILE  has a discard, which takes until this file exists
//     --flush ERRNO    has a volatile cache, and its flushes fail with this errno, a number
#include <ashlar/ashlar.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace {

struct fault {
    std::string what;
    std::uint64_t at;
    std::uint64_t length;
};

struct plan {
    std::uint64_t size = 0;
    std::vector<fault> faults;
    bool plain = false;
    std::string slow_discard;
    std::optional<int> flush_errno;
};

class memory {
public:
    memory(std::uint64_t size, std::vector<fault> faults)
        : bytes_(size), faults_(std::move(faults)) {}

    [[nodiscard]] std::uint64_t size() const { return bytes_.size(); }

    // The fault that a range meets; no fault has an empty name.
    [[nodiscard]] std::string fault_of(std::uint64_t at, std::uint64_t length) const {
        for (const fault& f : faults_) {
            if (at < f.at + f.length && f.at < at + length) return f.what;
        }
        return {};
    }

    std::error_code read(const std::string& fault, std::uint64_t at, std::span<std::byte> out) {
        if (auto failed = fail(fault)) return failed;
        std::memcpy(out.data(), &bytes_[at], out.size());
        if (fault == "flip") out[out.size() / 2] ^= std::byte{1};
        return {};
    }
    std::error_code write(const std::string& fault, std::uint64_t at,
                          std::span<const std::byte> in) {
        constexpr std::uint64_t block = 4096;
        if (auto failed = fail(fault)) return failed;
        if (fault == "lose") return {};
        if (fault == "swap" && in.size() == block) at ^= block;
        std::memcpy(&bytes_[at], in.data(), in.size());
        return {};
    }
    void zero(std::uint64_t at, std::uint64_t length) { std::memset(&bytes_[at], 0, length); }

private:
    static std::error_code fail(const std::string& fault) {
        if (fault == "eio") return ashlar::io_error(EIO);
        if (fault == "enospc") return ashlar::io_error(ENOSPC);
        if (fault == "negative") return ashlar::io_error(-5);
        if (fault == "huge") return ashlar::io_error(100000);
        if (fault == "foreign") return std::make_error_code(std::future_errc::no_state);
        if (fault == "throw" || fault == "throw-late") throw std::runtime_error("a planted fault");
        if (fault == "throw-int") throw 7;
        if (fault == "throw-enospc") throw std::system_error(ashlar::io_error(ENOSPC));
        return {};
    }

    std::vector<std::byte> bytes_;
    std::vector<fault> faults_;
};

struct plain_disk {
    memory m;

    [[nodiscard]] std::uint64_t size() const { return m.size(); }
    std::error_code read(std::uint64_t at, std::span<std::byte> out) {
        return m.read(m.fault_of(at, out.size()), at, out);
    }
    std::error_code write(std::uint64_t at, std::span<const std::byte> in) {
        return m.write(m.fault_of(at, in.size()), at, in);
    }
};

struct flushing_disk : plain_disk {
    int flush_errno;

    static constexpr auto durability = ashlar::durability::volatile_cache;
    std::error_code flush() const { return ashlar::io_error(flush_errno); }
};

struct late_disk {
    memory m;

    [[nodiscard]] std::uint64_t size() const { return m.size(); }
    ashlar::task<std::error_code> read(ashlar::request& r) {
        const std::string fault = m.fault_of(r.offset(), r.length());
        co_await delay(r, fault);
        co_return m.read(fault, r.offset(), r.data());
    }
    ashlar::task<std::error_code> write(ashlar::request& r) {
        const std::string fault = m.fault_of(r.offset(), r.length());
        co_await delay(r, fault);
        co_return m.write(fault, r.offset(), r.data());
    }

    static ashlar::task<> delay(ashlar::request& r, const std::string& fault) {
        const bool late = fault == "late" || fault == "throw-late";
        if (!late && fault != "hang") co_return;
        const auto time = std::chrono::milliseconds(late ? 200 : 3'600'000);
        std::error_code waited = co_await r.ring().wait(time);
        if (waited) throw std::system_error(waited);
    }
};

struct discarding_disk : late_disk {
    std::string until;

    ashlar::task<std::error_code> discard(ashlar::request& r) {
        while (::access(until.c_str(), F_OK) != 0) {
            std::error_code waited = co_await r.ring().wait(std::chrono::milliseconds(20));
            if (waited) co_return waited;
        }
        m.zero(r.offset(), r.length());
        co_return std::error_code{};
    }
};

int usage(const char* what) {
    std::fprintf(stderr,
                 "faulty_disk: %s\n"
                 "usage: faulty_disk SIZE [FAULT@OFFSET+LENGTH | OPTION]...\n",
                 what);
    return 2;
}

std::optional<std::uint64_t> size_of(const std::string& text) {
    auto bytes = ashlar::parse_size(text, "size");
    if (!bytes) return std::nullopt;
    return *bytes;
}

std::optional<fault> fault_of(const std::string& word) {
    const auto at = word.find('@');
    const auto plus = word.find('+');
    if (at == std::string::npos || plus == std::string::npos || plus < at) return std::nullopt;
    const auto offset = size_of(word.substr(at + 1, plus - at - 1));
    const auto length = size_of(word.substr(plus + 1));
    if (!offset || !length) return std::nullopt;
    return fault{word.substr(0, at), *offset, *length};
}

int serve(plan p) {
    memory m(p.size, std::move(p.faults));
    if (p.flush_errno) {
        return ashlar::serve(flushing_disk{{std::move(m)}, *p.flush_errno}, {.kind = "faulty"});
    }
    if (p.plain) return ashlar::serve(plain_disk{std::move(m)}, {.kind = "faulty"});
    if (!p.slow_discard.empty()) {
        return ashlar::serve(discarding_disk{{std::move(m)}, std::move(p.slow_discard)},
                             {.kind = "faulty"});
    }
    return ashlar::serve(late_disk{std::move(m)}, {.kind = "faulty"});
}

}  // namespace

int main(int count, char** words) {
    plan p;
    const auto size = count < 2 ? std::nullopt : size_of(words[1]);
    if (!size) return usage("the size is missing, or is none");
    p.size = *size;
    for (int i = 2; i < count; ++i) {
        const std::string word = words[i];
        if (word == "--plain") {
            p.plain = true;
        } else if (word == "--slow-discard" && i + 1 < count) {
            p.slow_discard = words[++i];
        } else if (word == "--flush" && i + 1 < count) {
            p.flush_errno = std::atoi(words[++i]);
        } else if (auto f = fault_of(word)) {
            p.faults.push_back(*f);
        } else {
            return usage(words[i]);
        }
    }
    return serve(std::move(p));
}
