// SPDX-License-Identifier: MIT
#include "targets/mem/mem_memory.hpp"

#include <ashlar/size.hpp>

#include <algorithm>
#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

namespace ashlar::targets {

namespace {

constexpr std::uint64_t huge_page_bytes = 2 << 20;

}  // namespace

std::uint64_t page_bytes_of(huge_pages pages) {
    return pages == huge_pages::no ? static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))
                                   : huge_page_bytes;
}

// The core refuses an empty or impossible size in words; a mapping of nothing is none.
std::uint64_t mapped_bytes(std::uint64_t bytes, huge_pages pages) {
    const std::uint64_t unit = page_bytes_of(pages);
    return std::max(round_up(bytes, unit), unit);
}

error no_memory(std::uint64_t bytes, huge_pages pages, int code) {
    error e{.operation = "map the RAM disk", .object = format_size(bytes), .code = code};
    if (pages == huge_pages::reserved) {
        e.why = "there are not enough free huge pages for all of it";
        e.remedy = "set some aside (sysctl vm.nr_hugepages), or use --huge-pages transparent";
    } else {
        e.why = "the kernel does not give out so much address space, or its limits forbid it";
        e.remedy = "use a smaller size; or sysctl vm.overcommit_memory=0, ulimit -v unlimited, "
                   "ulimit -l unlimited";
    }
    return e;
}

result<std::byte*> map_memory(std::uint64_t mapped, huge_pages pages, const numa& where, int file) {
    const int kind = pages == huge_pages::reserved ? MAP_HUGETLB : MAP_NORESERVE;
    const int flags = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | kind : MAP_SHARED;
    void* memory = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, flags, file, 0);
    if (memory == MAP_FAILED) return failure(no_memory(mapped, pages, errno));
    // Advice only: a kernel without huge pages refuses it, and nothing is lost.
    if (pages == huge_pages::no) ::madvise(memory, mapped, MADV_NOHUGEPAGE);
    if (pages == huge_pages::transparent) ::madvise(memory, mapped, MADV_HUGEPAGE);
    ::madvise(memory, mapped, MADV_DONTDUMP);
    if (auto placed = place_memory({static_cast<std::byte*>(memory), mapped}, where); !placed) {
        ::munmap(memory, mapped);
        return failure(std::move(placed).error());
    }
    return static_cast<std::byte*>(memory);
}

}  // namespace ashlar::targets
