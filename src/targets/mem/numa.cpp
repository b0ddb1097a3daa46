// SPDX-License-Identifier: MIT
#include "targets/mem/numa.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <climits>
#include <linux/mempolicy.h>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace ashlar::targets {

namespace {

constexpr unsigned word_bits = sizeof(unsigned long) * CHAR_BIT;

// A set of nodes as the kernel reads and writes it.
struct node_set {
    unsigned long words[numa::nodes_max / word_bits] = {};

    [[nodiscard]] bool has(unsigned node) const {
        return (words[node / word_bits] >> (node % word_bits) & 1) != 0;
    }
    [[nodiscard]] std::string text() const {
        std::string all;
        for (unsigned node = 0; node < numa::nodes_max; ++node) {
            if (has(node)) all += fmt::format("{}{}", all.empty() ? "" : ", ", node);
        }
        return all;
    }
};

error refused(std::string_view what, int code) {
    return {.operation = "choose the RAM disk's NUMA node",
            .object = {},
            .code = code,
            .why = std::string(what),
            .remedy = "leave --numa-node out"};
}

result<node_set> allowed_nodes() {
    node_set allowed;
    if (::syscall(SYS_get_mempolicy, nullptr, allowed.words, numa::nodes_max, nullptr,
                  MPOL_F_MEMS_ALLOWED) != 0) {
        return failure(refused("the kernel does not tell which nodes there are", errno));
    }
    return allowed;
}

}  // namespace

result<> place_memory(std::span<std::byte> memory, const numa& where) {
    if (where.from == numa::policy::usual) return {};
    auto allowed = allowed_nodes();
    if (!allowed) return failure(std::move(allowed).error());
    node_set nodes = *allowed;
    int mode = MPOL_INTERLEAVE;
    if (where.from == numa::policy::node) {
        if (where.node >= numa::nodes_max || !nodes.has(where.node)) {
            error e = refused("this process may take memory from no such node", EINVAL);
            e.object = fmt::format("node {}", where.node);
            e.remedy = fmt::format("use one of those that it may: {}", nodes.text());
            return failure(std::move(e));
        }
        // Not bound to it: a full node would bring the out-of-memory killer.
        mode = MPOL_PREFERRED;
        nodes = {};
        nodes.words[where.node / word_bits] = 1UL << (where.node % word_bits);
    }
    // One more than there are bits, as mbind(2) counts.
    if (::syscall(SYS_mbind, memory.data(), memory.size(), mode, nodes.words, numa::nodes_max + 1,
                  0) != 0) {
        return failure(refused("the kernel refuses it", errno));
    }
    return {};
}

}  // namespace ashlar::targets
