// SPDX-License-Identifier: MIT
#include "targets/mem/numa.hpp"

#include "targets/mem/mem.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace ashlar;
using namespace ashlar::targets;

namespace {

constexpr std::size_t bytes = 1 << 20;

// A node that this process may have memory of.
unsigned some_node() {
    int node = -1;
    char here = 1;
    REQUIRE(::syscall(SYS_get_mempolicy, &node, nullptr, 0, &here, MPOL_F_NODE | MPOL_F_ADDR) == 0);
    return static_cast<unsigned>(node);
}

int policy_of(const void* memory, unsigned long* nodes) {
    int mode = -1;
    REQUIRE(::syscall(SYS_get_mempolicy, &mode, nodes, numa::nodes_max, memory, MPOL_F_ADDR) == 0);
    return mode;
}

error refusal_of(const char* text) {
    option_values values;
    values.set("size", "1M");
    values.set("numa-node", text);
    auto refused = mem_kind.make(values);
    REQUIRE(!refused);
    return refused.error();
}

}  // namespace

TEST_CASE("a RAM disk's memory is taken from the nodes that were asked for") {
    void* memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    const std::span<std::byte> all(static_cast<std::byte*>(memory), bytes);
    unsigned long nodes[numa::nodes_max / 64] = {};
    REQUIRE(place_memory(all, {}));
    CHECK(policy_of(memory, nodes) == MPOL_DEFAULT);

    const unsigned node = some_node();
    REQUIRE(place_memory(all, {.from = numa::policy::node, .node = node}));
    CHECK(policy_of(memory, nodes) == MPOL_PREFERRED);
    CHECK(nodes[node / 64] == 1UL << (node % 64));

    REQUIRE(place_memory(all, {.from = numa::policy::interleave}));
    CHECK(policy_of(memory, nodes) == MPOL_INTERLEAVE);
    CHECK((nodes[node / 64] >> (node % 64) & 1) == 1);
    ::munmap(memory, bytes);
}

TEST_CASE("a RAM disk that grows goes on taking memory from its node, with a descriptor too") {
    auto file = mem_disk::make_memory(bytes, huge_pages::no);
    REQUIRE(file);
    for (const int memory : {-1, *file}) {
        auto disk = mem_disk::make(bytes, huge_pages::no, std::make_unique<memory_budget>(), memory,
                                   {.from = numa::policy::interleave});
        REQUIRE(disk);
        REQUIRE((*disk)->resize(4 * bytes));
        const std::vector<std::byte> data(4096, std::byte{1});
        data_in in(data);
        REQUIRE(!(*disk)->write(3 * bytes, in));
        unsigned long nodes[numa::nodes_max / 64] = {};
        CHECK(policy_of((*disk)->place(3 * bytes, 4096).data(), nodes) == MPOL_INTERLEAVE);
    }
    ::close(*file);
}

TEST_CASE("a node that there is not is refused with those that there are") {
    const error e = refusal_of("1023");
    CHECK(e.object == "node 1023");
    CHECK(e.code == EINVAL);
    CHECK(e.remedy.find(std::to_string(some_node())) != std::string::npos);
    for (const char* text : {"1024", "-1", "none", "0,1"}) {
        CAPTURE(text);
        CHECK(refusal_of(text).operation.starts_with("--numa-node"));
        CHECK(refusal_of(text).remedy == "write a number from 0 to 1023, or interleave");
    }
}
