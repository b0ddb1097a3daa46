// SPDX-License-Identifier: MIT
// Options of a target, as a table: one place from which --help, the man page, completion and the
// parser are made. Values that reach a target have been checked against its table.
#pragma once

#include <ashlar/error.hpp>
#include <ashlar/target.hpp>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace ashlar {

enum class value_kind : std::uint8_t { flag, size, number, word, choice };

struct option {
    std::string_view name;  // without its dashes
    value_kind kind = value_kind::flag;
    std::string_view argument = {};   // what --help calls the value: "SIZE"
    std::string_view help = {};       // one sentence, no full stop
    std::string_view choices = {};    // of a choice: words, divided by '|'
    std::string_view otherwise = {};  // the value if it is not given, for people
    std::uint64_t low = 0, high = 0;  // bounds of a number
    bool first_word = false;          // may be given without its name, as the word after the target
};

// The options that were given, by name. Flags have an empty text.
class option_values {
public:
    void set(std::string_view name, std::string text) {
        given_.insert_or_assign(std::string(name), std::move(text));
    }
    [[nodiscard]] bool has(std::string_view name) const { return given_.contains(name); }
    [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise = {}) const {
        auto found = given_.find(name);
        return found == given_.end() ? std::string(otherwise) : found->second;
    }
    // These read what was checked already; they may be called with unchecked text, too.
    [[nodiscard]] result<std::uint64_t> size(std::string_view name, std::uint64_t otherwise) const;
    [[nodiscard]] result<std::uint64_t> number(std::string_view name, std::uint64_t otherwise,
                                               std::uint64_t low, std::uint64_t high) const;

private:
    std::map<std::string, std::string, std::less<>> given_;
};

// A kind of target that the program `ashlar` can make.
struct target_kind {
    std::string_view name;
    std::string_view summary;  // one line
    std::span<const option> options;
    result<target> (*make)(const option_values& values);
    // Of a device that is there already, `make` finds its bytes as the option "device-size", and
    // as "predecessor" the process of the server that it is taken over from while it lives.
    //
    // What the target holds is lost with its process.
    bool ends_with_server = false;
    // Makes what must outlive a server where a keeper watches over it: a descriptor, whose number
    // `make` finds as the option "keepsake".
    result<int> (*keepsake)(const option_values& values) = nullptr;
};

}  // namespace ashlar
