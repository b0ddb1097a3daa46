// SPDX-License-Identifier: MIT
// Another size for a RAM disk. Its memory may move: nobody uses it meanwhile.
#include "targets/mem/mem.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

namespace ashlar::targets {

result<> mem_disk::resize(std::uint64_t bytes) {
    const std::uint64_t mapped = mapped_bytes(bytes, pages_);
    if (mapped < bytes) return failure(no_memory(bytes, pages_, ENOMEM));
    // What was behind an earlier end, up to the end of its page.
    if (bytes > bytes_) zero(bytes_, mapped_ - bytes_);
    if (mapped > mapped_) {
        if (auto grown = file_ >= 0 ? grow_file(mapped) : grow(mapped); !grown) return grown;
    } else if (mapped < mapped_) {
        shrink(mapped);
    }
    bytes_ = bytes;
    resize_table();
    return {};
}

result<> mem_disk::grow_file(std::uint64_t mapped) {
    // Shorter first: what a killed server was about to give back would come to light.
    if (::ftruncate(file_, static_cast<off_t>(mapped_)) != 0 ||
        ::ftruncate(file_, static_cast<off_t>(mapped)) != 0) {
        return failure(no_memory(mapped, pages_, errno));
    }
    auto memory = map_memory(mapped, pages_, where_, file_);
    if (!memory) return failure(std::move(memory).error());
    ::munmap(memory_, mapped_);
    memory_ = *memory;
    mapped_ = mapped;
    return {};
}

result<> mem_disk::grow(std::uint64_t mapped) {
    if (pages_ == huge_pages::reserved) {
        error e = no_memory(mapped, pages_, EOPNOTSUPP);
        e.why = "a mapping of reserved huge pages can't grow";
        e.remedy = "make the disk with --supervise, or without --huge-pages reserved";
        return failure(std::move(e));
    }
    void* memory = ::mremap(memory_, mapped_, mapped, MREMAP_MAYMOVE);
    if (memory == MAP_FAILED) return failure(no_memory(mapped, pages_, errno));
    memory_ = static_cast<std::byte*>(memory);
    mapped_ = mapped;
    return {};
}

void mem_disk::shrink(std::uint64_t mapped) {
    ::munmap(memory_ + mapped, mapped_ - mapped);
    // Memory that stays taken is all that can come of a failure.
    if (file_ >= 0) [[maybe_unused]]
        const int cut = ::ftruncate(file_, static_cast<off_t>(mapped));
    mapped_ = mapped;
}

// A bit for each chunk of the new size; those of chunks that are gone are clear, for the next time.
void mem_disk::resize_table() {
    std::vector<std::atomic<std::uint64_t>> used((mapped_ >> chunk_shift_) / 64 + 1);
    const std::size_t kept = std::min(used.size(), used_.size());
    for (std::size_t word = 0; word < kept; ++word) used[word] = used_[word].load();
    used_ = std::move(used);
    const std::uint64_t first_gone = round_up(mapped_, std::uint64_t{1} << chunk_shift_);
    for (std::uint64_t chunk = first_gone >> chunk_shift_; chunk < used_.size() * 64; ++chunk)
        set_unused(chunk);
}

}  // namespace ashlar::targets
