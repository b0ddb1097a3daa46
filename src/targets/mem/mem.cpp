// SPDX-License-Identifier: MIT
#include "targets/mem/mem.hpp"

#include <ashlar/size.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ashlar::targets {

namespace {

constexpr unsigned small_chunk_shift = 16;  // 64 KiB
constexpr unsigned huge_chunk_shift = 21;

// Linux 5.18; glibc 2.36 has no name for it. Plain MADV_DONTNEED refuses locked memory.
constexpr int advice_drop_locked = 24;

}  // namespace

result<std::shared_ptr<mem_disk>> mem_disk::make(std::uint64_t bytes, huge_pages pages,
                                                 std::unique_ptr<memory_budget> budget, int file,
                                                 const numa& where) {
    const std::uint64_t mapped = mapped_bytes(bytes, pages);
    if (mapped < bytes) return failure(no_memory(bytes, pages, ENOMEM));
    auto memory = map_memory(mapped, pages, where, file);
    if (!memory) return failure(std::move(memory).error());
    std::shared_ptr<mem_disk> disk(
        new mem_disk(*memory, bytes, mapped, pages, where, std::move(budget)));
    disk->file_ = file;
    if (file >= 0) disk->find_used();
    return disk;
}

result<int> mem_disk::make_memory(std::uint64_t bytes, huge_pages pages) {
    const std::uint64_t mapped = mapped_bytes(bytes, pages);
    const unsigned kind = pages == huge_pages::reserved ? MFD_HUGETLB : 0;
    const int file = ::memfd_create("ashlar mem", MFD_CLOEXEC | kind);
    if (file < 0) return failure(no_memory(bytes, pages, errno));
    if (mapped >= bytes && ::ftruncate(file, static_cast<off_t>(mapped)) == 0) return file;
    const int code = mapped < bytes ? ENOMEM : errno;
    ::close(file);
    return failure(no_memory(bytes, pages, code));
}

// What an earlier server has written. Where the kernel can't tell, all of it may be.
void mem_disk::find_used() {
    const auto end = static_cast<off_t>(mapped_);
    for (off_t at = 0; at < end;) {
        off_t data = ::lseek(file_, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) return;
        if (data < 0) data = at;
        // The memory may be longer, where a server was killed while it resized the disk.
        if (data >= end) return;
        off_t hole = ::lseek(file_, data, SEEK_HOLE);
        if (hole <= data || hole > end) hole = end;
        const auto last = static_cast<std::uint64_t>(hole - 1) >> chunk_shift_;
        for (auto chunk = static_cast<std::uint64_t>(data) >> chunk_shift_; chunk <= last; ++chunk)
            set_used(chunk);
        at = hole;
    }
}

mem_disk::mem_disk(std::byte* memory, std::uint64_t bytes, std::uint64_t mapped, huge_pages pages,
                   const numa& where, std::unique_ptr<memory_budget> budget)
    : memory_(memory),
      bytes_(bytes),
      mapped_(mapped),
      page_bytes_(page_bytes_of(pages)),
      chunk_shift_(pages == huge_pages::no ? small_chunk_shift : huge_chunk_shift),
      pages_(pages),
      where_(where),
      budget_(std::move(budget)),
      used_((mapped >> chunk_shift_) / 64 + 1) {}

mem_disk::~mem_disk() { ::munmap(memory_, mapped_); }

ashlar::geometry mem_disk::geometry() const {
    return {.physical_block = 4096, .discard_granularity = 4096};
}

bool mem_disk::is_used(std::uint64_t chunk) const {
    return (used_[chunk / 64].load(std::memory_order_acquire) >> (chunk % 64) & 1) != 0;
}

void mem_disk::set_used(std::uint64_t chunk) {
    used_[chunk / 64].fetch_or(std::uint64_t{1} << (chunk % 64), std::memory_order_release);
}

void mem_disk::set_unused(std::uint64_t chunk) {
    used_[chunk / 64].fetch_and(~(std::uint64_t{1} << (chunk % 64)), std::memory_order_release);
}

// Calls f(chunk, at, length) for the part of each chunk that the range covers; stops when f says
// so.
template <class F>
void mem_disk::for_each_chunk(std::uint64_t at, std::uint64_t length, F&& f) const {
    while (length != 0) {
        const std::uint64_t chunk = at >> chunk_shift_;
        const std::uint64_t end = (chunk + 1) << chunk_shift_;
        const std::uint64_t part = std::min(length, end - at);
        if (!f(chunk, at, part)) return;
        at += part;
        length -= part;
    }
}

// Neighbours of the same kind go in one copy: each may cost a system call.
void mem_disk::read(std::uint64_t at, data_out& out) const {
    std::uint64_t begin = at;
    std::uint64_t end = at;
    bool used = false;
    auto give = [&] {
        if (used) {
            out.lend({memory_ + begin, end - begin});
        } else {
            out.give_zeros(end - begin);
        }
    };
    for_each_chunk(at, out.left(),
                   [&](std::uint64_t chunk, std::uint64_t from, std::uint64_t part) {
                       if (is_used(chunk) != used) {
                           give();
                           begin = from;
                           used = !used;
                       }
                       end = from + part;
                       return true;
                   });
    give();
}

std::error_code mem_disk::write(std::uint64_t at, data_in& in) {
    const std::uint64_t bytes = in.left();
    if (!in.lies_at(memory_ + at) && !take_memory(at, bytes)) return io_error(ENOSPC);
    in.take({memory_ + at, bytes});
    // Behind the copy: a discard of the whole chunk may have come between.
    for_each_chunk(at, bytes, [&](std::uint64_t chunk, std::uint64_t, std::uint64_t) {
        if (!is_used(chunk)) set_used(chunk);
        return true;
    });
    return in.failed();
}

// False if it would be taken from everybody else.
bool mem_disk::take_memory(std::uint64_t at, std::uint64_t bytes) {
    if (pages_ == huge_pages::reserved) return true;
    bool room = true;
    for_each_chunk(at, bytes, [&](std::uint64_t chunk, std::uint64_t, std::uint64_t) {
        room = is_used(chunk) || budget_->take(std::uint64_t{1} << chunk_shift_);
        return room;
    });
    return room;
}

std::span<std::byte> mem_disk::place(std::uint64_t at, std::uint64_t length) {
    bool taken = true;
    for_each_chunk(at, length, [&](std::uint64_t chunk, std::uint64_t, std::uint64_t) {
        taken = is_used(chunk) || pages_ == huge_pages::reserved;
        return taken;
    });
    return taken ? std::span(memory_ + at, length) : std::span<std::byte>();
}

std::error_code mem_disk::zero(std::uint64_t at, std::uint64_t length) {
    for_each_chunk(at, length, [&](std::uint64_t chunk, std::uint64_t from, std::uint64_t part) {
        if (!is_used(chunk)) return true;
        if (part == std::uint64_t{1} << chunk_shift_) set_unused(chunk);
        zero_within_chunk(from, part);
        return true;
    });
    return {};
}

// Whole pages are given back, which makes them zeros; the rest is written.
void mem_disk::zero_within_chunk(std::uint64_t at, std::uint64_t length) {
    const std::uint64_t end = at + length;
    const std::uint64_t first_page = std::min(round_up(at, page_bytes_), end);
    const std::uint64_t last_page = std::max(end / page_bytes_ * page_bytes_, first_page);
    std::memset(memory_ + at, 0, first_page - at);
    if (last_page != first_page && !drop(first_page, last_page - first_page)) {
        std::memset(memory_ + first_page, 0, last_page - first_page);
    }
    std::memset(memory_ + last_page, 0, end - last_page);
}

// Gives whole pages back. False if the kernel does not take them.
bool mem_disk::drop(std::uint64_t at, std::uint64_t length) {
    if (file_ >= 0) {
        return ::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                           static_cast<off_t>(at), static_cast<off_t>(length)) == 0;
    }
    return ::madvise(memory_ + at, length, advice_drop_locked) == 0 ||
           ::madvise(memory_ + at, length, MADV_DONTNEED) == 0;
}

namespace {

using namespace ashlar::literals;

constexpr option mem_options[] = {
    {.name = "size",
     .kind = value_kind::size,
     .argument = "SIZE",
     .help = "size of the disk; memory is taken as it is written to",
     .otherwise = "1G",
     .first_word = true},
    {.name = "huge-pages",
     .kind = value_kind::choice,
     .argument = "KIND",
     .help = "pages of 2 MiB: fewer faults, more memory; reserved ones are taken at once",
     .choices = "no|transparent|reserved",
     .otherwise = "no"},
    {.name = "numa-node",
     .kind = value_kind::word,
     .argument = "N",
     .help =
         "take memory from node N of the machine while it has some; interleave: from all in turn",
     .otherwise = "as the kernel likes"},
};

huge_pages pages_of(const option_values& values) {
    const std::string kind = values.text("huge-pages", "no");
    return kind == "reserved"      ? huge_pages::reserved
           : kind == "transparent" ? huge_pages::transparent
                                   : huge_pages::no;
}

result<numa> numa_of(const option_values& values) {
    if (!values.has("numa-node")) return numa{};
    if (values.text("numa-node") == "interleave") return numa{.from = numa::policy::interleave};
    auto node = values.number("numa-node", 0, 0, numa::nodes_max - 1);
    if (!node) {
        error e = std::move(node).error();
        e.remedy += ", or interleave";
        return failure(std::move(e));
    }
    return numa{.from = numa::policy::node, .node = static_cast<unsigned>(*node)};
}

result<target> make_mem(const option_values& values) {
    auto bytes = values.size(values.has("device-size") ? "device-size" : "size", 1_GiB);
    if (!bytes) return failure(std::move(bytes).error());
    auto kept = values.number("keepsake", 0, 0, 1 << 20);
    if (!kept) return failure(std::move(kept).error());
    auto where = numa_of(values);
    if (!where) return failure(std::move(where).error());
    auto disk = mem_disk::make(*bytes, pages_of(values), std::make_unique<memory_budget>(),
                               values.has("keepsake") ? static_cast<int>(*kept) : -1, *where);
    if (!disk) return failure(std::move(disk).error());
    return target(std::move(*disk));
}

result<int> make_mem_keepsake(const option_values& values) {
    auto bytes = values.size("size", 1_GiB);
    if (!bytes) return failure(std::move(bytes).error());
    return mem_disk::make_memory(*bytes, pages_of(values));
}

}  // namespace

constinit const target_kind mem_kind = {
    .name = "mem",
    .summary = "a RAM disk: sparse, gives memory back on discard",
    .options = mem_options,
    .make = &make_mem,
    .ends_with_server = true,
    .keepsake = &make_mem_keepsake,
};

}  // namespace ashlar::targets
