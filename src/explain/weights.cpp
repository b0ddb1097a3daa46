// SPDX-License-Identifier: MIT
// How often people meet each rule: what orders candidates that the evidence does not.
#include "explain/judge.hpp"

#include <algorithm>

namespace ashlar::explain {

namespace {

struct weight {
    std::string_view rule;
    int value;
};

constexpr weight weights[] = {
    // The ring: a wrong opcode, a small ring and a wrong file are common, the rest is rare.
    {"U-1", 55},
    {"U-2", 3},
    {"U-3", 3},
    {"U-4", 2},
    {"U-5", 3},
    {"U-6", 1},
    {"U-7", 2},
    {"U-8", 12},
    {"U-9", 3},
    {"U-10", 2},
    {"U-11", 3},
    {"U-12", 40},
    {"U-13", 3},
    {"U-14", 5},
    {"U-15", 60},
    // The dispatcher.
    {"D-2", 35},
    {"D-3", 70},
    {"D-5", 50},
    {"D-7", 45},
    {"P-1", 60},
    {"P-3", 4},
    {"P-4", 4},
    {"P-5", 4},
    {"P-6", 3},
    {"P-7", 5},
    {"P-8", 20},
    {"P-9", 12},
    // Commands.
    {"ADD-1", 50},
    {"ADD-2", 15},
    {"ADD-3", 30},
    {"ADD-4", 20},
    {"ADD-5", 62},
    {"ADD-6", 8},
    {"ADD-7", 6},
    {"ADD-8", 6},
    {"ADD-9", 4},
    {"ADD-10", 8},
    {"ADD-12", 25},
    {"ADD-13", 8},
    {"ADD-14", 30},
    {"ADD-15", 40},
    {"ADD-16", 8},
    {"ADD-17", 60},
    {"ADD-18", 8},
    {"ADD-20", 10},
    {"ADD-21", 5},
    {"SET-1", 45},
    {"SET-2", 20},
    {"SET-3", 20},
    {"SET-5", 50},
    {"SET-6", 10},
    {"PAR-6", 12},
    {"PAR-8", 4},
    {"PAR-15", 3},
    {"START-1", 60},
    {"START-2", 40},
    {"START-4", 80},
    {"START-5", 30},
    {"START-6", 50},
    {"START-7", 50},
    {"START-8", 20},
    {"START-9", 5},
    {"START-10", 8},
    {"DEL-1", 20},
    {"DEL-3", 70},
    {"STOP", 30},
    {"TRY-1", 55},
    {"SIZE-1", 55},
    {"QUI-2", 55},
    {"QUI-1", 55},
    {"UBUF-2", 30},
    // I/O.
    {"IO-1", 60},
    {"IO-3", 30},
    {"IO-4", 30},
    {"IO-6", 45},
    {"IO-7", 50},
    {"IO-8", 9},
    {"IO-9", 15},
    {"FETCH-1", 35},
    {"FETCH-2", 20},
    {"FETCH-3", 10},
    {"FETCH-4", 60},
    {"FETCH-5", 40},
    {"FETCH-6", 30},
    {"COMMIT-1", 60},
    {"COMMIT-2", 30},
    {"COMMIT-3", 15},
    {"RBUF-1", 50},
    {"UBUF-1", 50},
    {"B-0", 45},
    {"B-1", 16},
    {"B-7", 1},
    {"BE-2", 20},
    {"BE-3", 18},
    {"BE-5", 40},
    {"BE-6", 12},
    {"BE-7", 40},
    {"REG-1", 45},
    {"REG-2", 40},
    {"REG-3", 25},
    {"MMAP-0", 10},
    {"MMAP-1", 20},
    {"MMAP-2", 90},
    {"MMAP-3", 30},
    {"MMAP-4", 35},
    {"UC-1", 1},
    {"OPEN-1", 30},
    {"OPEN-2", 60},
    {"OPEN-3", 60},
    {"BF-6", 60},
};

bool is_batch(rules::subject s) {
    using enum rules::subject;
    return s == prep_io_cmds || s == commit_io_cmds || s == fetch_io_cmds || s == prep_element ||
           s == commit_element;
}

// Loops that run one too far end at the depth, and depths are powers of two; few tags are.
bool is_like_a_depth(std::uint16_t tag) { return tag >= 16 && (tag & (tag - 1)) == 0; }

struct hint {
    std::string_view rule;
    bool (*shows)(const evidence&);
    int percent;  // of the weight that is left of it, or what it grows to
};

// What a call's values say about how likely it broke a rule, where they don't decide.
constexpr hint hints[] = {
    // The first fetch of a queue decides whose it is, and is one of tag 0 as a rule.
    {"IO-6", [](auto& e) { return e.about == rules::subject::fetch_req && (e.c.tag == 0).yes(); },
     25},
    {"IO-4", [](auto& e) { return e.c.tag.is(is_like_a_depth).yes(); }, 250},
    // Who sends batches has made a device for them.
    {"IO-3", [](auto& e) { return is_batch(e.about); }, 25},
    {"IO-4", [](auto& e) { return is_batch(e.about); }, 25},
    {"IO-6", [](auto& e) { return is_batch(e.about); }, 10},
    {"IO-7", [](auto& e) { return is_batch(e.about); }, 10},
    {"IO-9", [](auto& e) { return is_batch(e.about); }, 75},
    // A device that asks for buffers is asked to be told them.
    {"IO-8", [](auto& e) { return has(e.c.flags, uapi::f_need_get_data).yes(); }, 700},
    // A wrong length, or a wrong process, fails at queue 0 already.
    {"MMAP-3", [](auto& e) { return (e.c.position != 0).yes(); }, 200},
    // Who copies by pread and pwrite has no buffer to name.
    {"COMMIT-2", [](auto& e) { return has(e.c.flags, uapi::f_user_copy).yes(); }, 400},
    // Hardly anybody moves a part of a request.
    {"UC-8", [](auto&) { return true; }, 500},
    // Positions of data begin at 0x80000000.
    {"UC-4", [](auto& e) { return (e.c.position < 0x80000000u).yes(); }, 900},
    // Few devices take less than 512 KiB at once.
    {"PAR-6", [](auto& e) { return e.params.basic.max_sectors <= 1024; }, 50},
    {"PAR-8", [](auto& e) { return e.params.basic.chunk_sectors != 0; }, 200},
    {"PAR-15", [](auto& e) { return e.params.basic.chunk_sectors != 0; }, 250},
    {"PAR-18", [](auto& e) { return (e.params.types & uapi::param_type_integrity) != 0; }, 300},
    // A path was sent, so its rules count.
    {"P-", [](auto& e) { return (e.c.path_length > 0).yes(); }, 250},
};

}  // namespace

int weight_of(std::string_view rule) {
    const auto* found = std::ranges::find(weights, rule, &weight::rule);
    return found == std::end(weights) ? 10 : found->value;
}

int weight_with(const evidence& seen, std::string_view rule) {
    int value = weight_of(rule);
    for (const hint& h : hints) {
        const bool all = h.rule.ends_with('-') && rule.starts_with(h.rule);
        if ((all || h.rule == rule) && h.shows(seen)) value = (value * h.percent + 99) / 100;
    }
    return value;
}

}  // namespace ashlar::explain
