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
    {"TRY-1", 50},
    {"SIZE-1", 50},
    {"QUI-2", 50},
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
    {"COMMIT-2", 60},
    {"COMMIT-3", 15},
    {"REG-2", 40},
    {"REG-3", 25},
    {"MMAP-0", 10},
    {"MMAP-1", 20},
    {"MMAP-2", 90},
    {"MMAP-3", 30},
    {"MMAP-4", 35},
    {"OPEN-1", 30},
    {"OPEN-2", 60},
    {"OPEN-3", 60},
    {"BF-6", 60},
};

}  // namespace

int weight_of(std::string_view rule) {
    const auto* found = std::ranges::find(weights, rule, &weight::rule);
    return found == std::end(weights) ? 10 : found->value;
}

}  // namespace ashlar::explain
