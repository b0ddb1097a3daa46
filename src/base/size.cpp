// SPDX-License-Identifier: MIT
#include <ashlar/size.hpp>

#include <fmt/format.h>

#include <cctype>
#include <charconv>

namespace ashlar {

namespace {

error bad_value(std::string_view what, std::string_view text, std::string why, std::string remedy) {
    return {.operation = std::string(what),
            .object = fmt::format("'{}'", text),
            .why = std::move(why),
            .remedy = std::move(remedy),
            .usage = true};
}

constexpr std::string_view size_form =
    "write a whole number with an optional suffix: 4096, 64M, 1G, 2T";

// The factor that a suffix stands for, 0 for what is none. Powers of 1024, but of 1000 for kB … EB.
std::uint64_t suffix_factor(std::string_view suffix) {
    constexpr std::string_view letters = "KMGTPE";
    if (suffix.empty() || suffix == "B") return 1;
    char letter = static_cast<char>(std::toupper(static_cast<unsigned char>(suffix[0])));
    std::size_t power = letters.find(letter);
    if (power == std::string_view::npos) return 0;
    std::string_view rest = suffix.substr(1);
    bool decimal = rest == "B";
    if (!rest.empty() && !decimal && rest != "iB") return 0;
    std::uint64_t factor = 1;
    for (std::size_t i = 0; i <= power; ++i) factor *= decimal ? 1000 : 1024;
    return factor;
}

}  // namespace

result<std::uint64_t> parse_size(std::string_view text, std::string_view what) {
    std::uint64_t number = 0;
    const char* end = text.data() + text.size();
    auto [rest, failed] = std::from_chars(text.data(), end, number);
    if (failed == std::errc::result_out_of_range) {
        return failure(bad_value(what, text, "the number does not fit 64 bits",
                                 "the largest size is 8E - 512"));
    }
    if (failed != std::errc{}) {
        bool negative = text.starts_with("-");
        return failure(bad_value(what, text,
                                 negative ? "a size can't be negative" : "this is not a size",
                                 std::string(size_form)));
    }
    std::uint64_t factor = suffix_factor({rest, end});
    if (factor == 0) {
        return failure(bad_value(
            what, text, fmt::format("'{}' is no suffix of a size", std::string_view(rest, end)),
            std::string(size_form)));
    }
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(number, factor, &bytes)) {
        return failure(
            bad_value(what, text, "the size does not fit 64 bits", "the largest size is 8E - 512"));
    }
    return bytes;
}

result<std::uint64_t> parse_number(std::string_view text, std::string_view what, std::uint64_t low,
                                   std::uint64_t high) {
    std::uint64_t number = 0;
    const char* end = text.data() + text.size();
    auto [rest, failed] = std::from_chars(text.data(), end, number);
    if ((failed != std::errc{} && failed != std::errc::result_out_of_range) || rest != end) {
        return failure(bad_value(what, text, "this is not a whole number",
                                 fmt::format("write a number from {} to {}", low, high)));
    }
    if (failed == std::errc::result_out_of_range || number < low || number > high) {
        return failure(bad_value(what, text,
                                 fmt::format("it is out of range ({} to {})", low, high),
                                 fmt::format("write a number from {} to {}", low, high)));
    }
    return number;
}

std::string format_size(std::uint64_t bytes) {
    constexpr std::string_view letters = "KMGTPE";
    std::string_view suffix;
    for (std::size_t i = 0; i < letters.size() && bytes != 0 && bytes % 1024 == 0; ++i) {
        bytes /= 1024;
        suffix = letters.substr(i, 1);
    }
    return fmt::format("{}{}", bytes, suffix);
}

}  // namespace ashlar
