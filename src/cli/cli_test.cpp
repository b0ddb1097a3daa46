// SPDX-License-Identifier: MIT
#include "cli/generate.hpp"
#include "cli/inventory.hpp"
#include "cli/text.hpp"
#include "targets/registry.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unistd.h>

using namespace ashlar;
using namespace ashlar::cli;

namespace {

using words = std::vector<const char*>;

result<command> parsed(const words& typed) { return parse(typed); }

// The error of a line that must not be accepted.
error refused(const words& typed) {
    auto asked = parse(typed);
    REQUIRE(!asked);
    CHECK(asked.error().usage);
    CHECK(!asked.error().why.empty());
    CHECK(!asked.error().remedy.empty());
    return asked.error();
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

device_room::record record_of(int pid) { return {.id = 3, .pid = pid, .kind = "mem"}; }

uapi::ctrl_dev_info info_in(uapi::device_state state) {
    uapi::ctrl_dev_info info{};
    info.state = static_cast<decltype(info.state)>(state);
    return info;
}

}  // namespace

TEST_CASE("the kernel may be said before the verb") {
    for (const words& typed : {words{"--kernel", "twin:7.3", "run", "mem", "64M"},
                               words{"--kernel=twin:7.3", "run", "mem", "64M"}}) {
        auto c = parsed(typed);
        REQUIRE(c);
        CHECK(c->what->name == "run");
        CHECK(c->values.text("kernel") == "twin:7.3");
        CHECK(c->values.text("size") == "64M");
    }
    CHECK(has(refused({"--kernel", "twin:7.3", "list"}).why, "list has no such option"));
    CHECK(has(refused({"--kernel", "twin:7.3"}).why, "options stand behind the verb"));
}

TEST_CASE("resize takes a device and at most one size") {
    for (const char* size : {"1G", "+64M", "-64M"}) {
        auto c = parsed({"resize", "0", size, "--shrink"});
        REQUIRE(c);
        CHECK(c->words == std::vector<std::string>{"0", size});
        CHECK(c->values.has("shrink"));
    }
    CHECK(parsed({"resize", "0"})->words.size() == 1);
    CHECK(has(refused({"resize"}).operation, "a device is missing"));
    CHECK(has(refused({"resize", "0", "1G", "2G"}).operation, "unexpected word '2G'"));
}

TEST_CASE("a verb, a target, its size and its options are read in any order behind the target") {
    for (const words& typed :
         {words{"add", "mem", "1G", "--depth", "32"}, words{"add", "--depth", "32", "mem", "1G"},
          words{"add", "mem", "--depth=32", "--size=1G"},
          words{"add", "--depth=32", "mem", "--size", "1G"},
          words{"add", "mem", "--depth", "32", "--", "1G"}}) {
        auto c = parsed(typed);
        REQUIRE(c);
        CHECK(c->what->name == "add");
        CHECK(c->kind->name == "mem");
        CHECK(c->values.text("size") == "1G");
        CHECK(c->values.size("size", 0) == 1u << 30);
        CHECK(c->values.number("depth", 0, 1, 4096) == 32u);
        CHECK(c->words.empty());
    }
}

TEST_CASE("flags, devices and words behind -- are read") {
    auto add = parsed({"add", "null", "--read-only"});
    REQUIRE(add);
    CHECK(add->values.has("read-only"));
    CHECK(!add->values.has("json"));
    auto del = parsed({"del", "--force", "0", "disk1", "/dev/ublkb7"});
    REQUIRE(del);
    CHECK(del->words == std::vector<std::string>{"0", "disk1", "/dev/ublkb7"});
    auto odd = parsed({"show", "--", "--json"});
    REQUIRE(odd);
    CHECK(odd->words == std::vector<std::string>{"--json"});
    CHECK(!odd->values.has("json"));
    CHECK(parsed({"add", "mem", "--name=--json"})->values.text("name") == "--json");
    CHECK(parsed({"add", "mem", "--name=a=b"})->values.text("name") == "a=b");
}

TEST_CASE("help and version have their usual spellings") {
    for (const char* word : {"help", "--help", "-h"}) CHECK(parsed({word})->what->name == "help");
    for (const char* word : {"version", "--version", "-V"}) {
        CHECK(parsed({word})->what->name == "version");
    }
    for (const words& typed : {words{"help", "add"}, words{"--help", "add"}, words{"add", "--help"},
                               words{"add", "-h"}, words{"add", "mem", "--depth", "8", "--help"}}) {
        auto c = parsed(typed);
        REQUIRE(c);
        CHECK(c->what->name == "add");
        CHECK(c->values.has("help"));
    }
    CHECK(refused({"help", "ad"}).operation == "unknown verb 'ad'");
    CHECK(refused({"help", "add", "mem"}).operation == "unexpected word 'mem'");
    CHECK(refused({"version", "add"}).operation == "unexpected word 'add'");
}

TEST_CASE("what is unknown is refused with a suggestion") {
    struct sample {
        words typed;
        const char* what;
        const char* suggestion;
    };
    const sample samples[] = {
        {{"lst"}, "unknown verb 'lst'", "did you mean list?"},
        {{"delete", "0"}, "unknown verb 'delete'", "did you mean del?"},
        {{"feat"}, "unknown verb 'feat'", "did you mean features?"},
        {{"--hlep"}, "unknown option '--hlep'", "did you mean --help?"},
        {{"add", "men"}, "unknown target 'men'", "did you mean mem?"},
        {{"add", "mem", "--dept", "1"}, "unknown option '--dept'", "did you mean --depth?"},
        {{"add", "mem", "--siez=1G"}, "unknown option '--siez'", "did you mean --size?"},
        {{"add", "mem", "--huge"}, "unknown option '--huge'", "did you mean --huge-pages?"},
        {{"list", "-json"}, "unknown option '-json'", "did you mean --json?"},
        {{"add", "mem", "--huge-pages", "reserve"},
         "--huge-pages: 'reserve'",
         "did you mean reserved?"},
    };
    for (const sample& s : samples) {
        CAPTURE(s.what);
        const error e = refused(s.typed);
        CHECK(e.operation == s.what);
        CHECK(e.remedy.starts_with(s.suggestion));
    }
    const error strange = refused({"frobnicate"});
    CHECK(strange.why.starts_with("the verbs are run, add,"));
    CHECK(strange.remedy == "see ashlar --help");
    CHECK(!has(strange.text(), "udev-info"));
}

TEST_CASE("an option where it can't stand is refused, and the error says where it can") {
    CHECK(has(refused({"--json", "list"}).why, "behind the verb"));
    CHECK(has(refused({"add", "--huge-pages", "no", "mem"}).why, "ashlar add mem --huge-pages"));
    CHECK(has(refused({"add", "null", "--huge-pages", "no"}).why, "ashlar add null has no such"));
    CHECK(has(refused({"list", "--all"}).why, "ashlar list has no such"));
}

TEST_CASE("values are checked: missing, repeated, malformed or out of range ones are refused") {
    CHECK(refused({"add", "mem", "--depth"}).why == "its value is missing (N)");
    CHECK(refused({"add", "mem", "--name", "--json"}).why == "its value is missing (NAME)");
    CHECK(refused({"add", "mem", "--name", ""}).why == "the value is empty");
    CHECK(refused({"list", "--json=yes"}).why == "it takes no value");
    CHECK(refused({"list", "--json", "--json"}).why == "it is given twice");
    CHECK(refused({"add", "mem", "--depth", "1", "--depth=1"}).why == "it is given twice");
    CHECK(refused({"add", "mem", "1G", "--size", "1G"}).why == "it is given twice");
    for (const char* bad : {"0", "4097", "-1", "x", "1x", "", "99999999999999999999"}) {
        CAPTURE(bad);
        CHECK(has(refused({"add", "mem", "--depth", bad}).text(), fmt::format("'{}'", bad)));
    }
    for (const char* bad : {"-1", "1Q", "", "1.5G", "x", "16E"}) {
        CAPTURE(bad);
        CHECK(has(refused({"add", "mem", "--size", bad}).text(), fmt::format("'{}'", bad)));
    }
    CHECK(refused({"add", "mem", "-5G"}).why == "a size can't be negative");
    CHECK(refused({"add", "mem", "--block-size", "-512"}).why == "a size can't be negative");
}

TEST_CASE("missing and unexpected words are refused") {
    CHECK(refused({}).operation == "a verb is missing");
    CHECK(refused({"add"}).operation == "a target is missing");
    CHECK(refused({"run", "--depth", "8"}).operation == "a target is missing");
    CHECK(refused({"show"}).operation == "a device is missing");
    CHECK(refused({"generate"}).operation == "a word is missing");
    CHECK(refused({"list", "0"}).operation == "unexpected word '0'");
    CHECK(refused({"show", "0", "1"}).operation == "unexpected word '1'");
    CHECK(refused({"add", "mem", "1G", "2G"}).operation == "unexpected word '2G'");
    CHECK(refused({"add", "mem", "--size", "1G", "2G"}).operation == "unexpected word '2G'");
    CHECK(refused({"add", ""}).operation == "unknown target ''");
}

TEST_CASE("the nearest candidate is one that may have been meant") {
    constexpr std::string_view candidates[] = {"--queues", "--depth", "--read-only"};
    CHECK(nearest("--queue", candidates) == "--queues");
    CHECK(nearest("--qeues", candidates) == "--queues");
    CHECK(nearest("--readonly", candidates) == "--read-only");
    CHECK(nearest("--read", candidates) == "--read-only");
    CHECK(nearest("--depth-of-queue", candidates) == "--depth");
    CHECK(nearest("--json", candidates).empty());
    CHECK(nearest("", candidates).empty());
    CHECK(nearest("x", {}).empty());
}

TEST_CASE("a device's state is told from the kernel's word and the server's process") {
    using enum uapi::device_state;
    const auto ours = record_of(::getpid());
    // No process has this number: it is above the largest that Linux can give.
    const auto orphaned = record_of(1 << 30);
    CHECK(state_of(info_in(live), ours) == "live");
    CHECK(state_of(info_in(live), std::nullopt) == "live");
    CHECK(state_of(info_in(quiesced), orphaned) == "quiesced");
    CHECK(state_of(info_in(fail_io), std::nullopt) == "fail-io");
    CHECK(state_of(info_in(dead), ours) == "starting");
    CHECK(state_of(info_in(dead), orphaned) == "dead");
    CHECK(state_of(info_in(dead), record_of(0)) == "dead");
    CHECK(state_of(info_in(dead), std::nullopt) == "dead");
}

TEST_CASE("help fits 80 columns, ends every line, and leaves no blank at its end") {
    std::vector<std::string> pages{help()};
    for (const verb& v : all_verbs()) pages.push_back(help(v));
    for (const target_kind* kind : targets::all_kinds()) pages.push_back(help(*kind));
    for (const std::string& page : pages) {
        CHECK(page.ends_with('\n'));
        for (std::string_view line : split(page, '\n')) {
            CAPTURE(line);
            CHECK(line.size() <= 80);
            CHECK(!line.ends_with(' '));
        }
    }
}

TEST_CASE("the tables are sound: what the parser and the completions rely on holds") {
    std::map<std::string_view, value_kind> kinds;
    auto check = [&](std::span<const option> options, std::set<std::string_view> names) {
        for (const option& o : options) {
            CAPTURE(o.name);
            CHECK(names.insert(o.name).second);
            CHECK(o.name != "help");
            CHECK(!o.help.empty());
            CHECK(!o.help.ends_with('.'));
            CHECK(o.argument.empty() == (o.kind == value_kind::flag));
            CHECK(o.choices.empty() == (o.kind != value_kind::choice));
            CHECK((o.kind != value_kind::number || o.low < o.high));
            // The completions know an option by its name alone.
            CHECK(kinds.try_emplace(o.name, o.kind).first->second == o.kind);
        }
        return names;
    };
    for (const verb& v : all_verbs()) {
        CAPTURE(v.name);
        CHECK((v.run != nullptr));
        CHECK(!v.summary.empty());
        CHECK(!v.details.empty());
        const auto names = check(v.options, {});
        if (v.takes != operands::target) continue;
        for (const target_kind* kind : targets::all_kinds()) check(kind->options, names);
    }
}

TEST_CASE("text is broken at blanks, and filled in at its marks") {
    CHECK(wrapped("one two three", 7) == "one two\nthree");
    CHECK(wrapped("one two", 7, 4, 2) == "one\n  two");
    CHECK(wrapped("incredible words", 5) == "incredible\nwords");
    CHECK(wrapped("", 5).empty());
    CHECK(split("a|b|c", '|') == std::vector<std::string_view>{"a", "b", "c"});
    CHECK(split("", '|').empty());
    const mark marks[] = {{"@a@", "1@a@"}, {"@b@", ""}};
    CHECK(filled("x@a@y@a@@b@", marks) == "x1@a@y1@a@");
    CHECK(quoted("the server's", "'\\''") == "'the server'\\''s'");
}
