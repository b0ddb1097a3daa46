// SPDX-License-Identifier: MIT
#include "cli/recipe.hpp"

#include "targets/registry.hpp"

#include <doctest/doctest.h>

using namespace ashlar;
using namespace ashlar::cli;

namespace {

device_room::record recorded(std::string text) { return {.id = 3, .recipe = std::move(text)}; }

}  // namespace

TEST_CASE("a recipe comes back from a record as it went in") {
    recipe made{.kind = targets::find_kind("mem"),
                .program = "/usr/bin/ashlar",
                .directory = "/a \"place\"",
                .threads_per_queue = 3,
                .spin_us = 20,
                .lock_memory = false,
                .unfenced = true,
                .supervised = true,
                .keeper = 7,
                .keepsake = 5,
                .config = "/etc/a.toml",
                .asked = "mem --size=64M"};
    made.values.set("size", "64M");
    made.values.set("name", "not an option of the target");
    auto back = recipe_of(recorded(text_of(made)));
    REQUIRE(back);
    CHECK(back->kind == made.kind);
    CHECK(back->values.text("size") == "64M");
    CHECK(!back->values.has("name"));
    CHECK(back->program == made.program);
    CHECK(back->directory == made.directory);
    CHECK(back->threads_per_queue == 3);
    CHECK(back->spin_us == 20);
    CHECK(!back->lock_memory);
    CHECK(back->unfenced);
    CHECK(back->supervised);
    CHECK(back->keeper == 7);
    CHECK(back->keepsake == 5);
    CHECK(back->config == made.config);
    CHECK(back->asked == made.asked);
}

TEST_CASE("a record that does not say how is an error, and so is a target that is not there") {
    for (const char* text : {"", "{", "[]", "{}", R"({"target": 3})", R"({"target": "mem"})"}) {
        CAPTURE(text);
        auto r = recipe_of(recorded(text));
        REQUIRE(!r);
        CHECK(!r.error().remedy.empty());
    }
    auto other = recipe_of(recorded(R"({"target": "tape"})"));
    REQUIRE(!other);
    CHECK(other.error().why == "this ashlar has no target tape");
}

TEST_CASE("a process is a keeper only by its name") {
    recipe r;
    CHECK(!has_keeper(r));
    r.keeper = 1;
    CHECK(!has_keeper(r));
}
