// SPDX-License-Identifier: MIT
// The pages show what the program says.
#include "explain/hex.hpp"
#include "explain/print.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <sstream>

using namespace ashlar;
using namespace ashlar::explain;

namespace {

std::string file(const std::string& path) {
    std::ifstream in(std::string(ASHLAR_SOURCE_DIR "/") + path);
    REQUIRE_MESSAGE(in.good(), path);
    return {std::istreambuf_iterator<char>(in), {}};
}

// "$ ashlar explain [--kernel V] FILE".
std::string output_of(std::string_view command) {
    std::istringstream words{std::string(command)};
    options how;
    std::string word, path;
    words >> word >> word >> word;
    while (words >> word) {
        if (word == "--kernel") {
            words >> word;
            how.kernel = rules::kernel_named(word);
        } else {
            path = word;
        }
    }
    return to_text(text(file(path), how), {});
}

}  // namespace

TEST_CASE("docs/troubleshooting.md is what ashlar generate troubleshooting prints") {
    CHECK_MESSAGE(file("docs/troubleshooting.md") == troubleshooting_page(),
                  "ashlar generate troubleshooting > docs/troubleshooting.md");
}

TEST_CASE("docs/riddles.md shows real output") {
    const std::string page = file("docs/riddles.md");
    const auto lines = lines_of(page);
    int commands = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (!lines[i].starts_with("$ ashlar explain ")) continue;
        ++commands;
        std::string shown;
        for (std::size_t j = i + 1; j < lines.size() && lines[j] != "```"; ++j) {
            shown += std::string(lines[j]) + "\n";
        }
        CAPTURE(lines[i]);
        CHECK(shown == output_of(lines[i]));
    }
    CHECK(commands >= 4);
}
