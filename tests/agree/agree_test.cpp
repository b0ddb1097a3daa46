// SPDX-License-Identifier: MIT
// The harness itself: records, comparison, and that sequences and rules belong together.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "enumerated.hpp"
#include "record.hpp"
#include "system.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>
#include <unistd.h>

using namespace agree;

namespace {

// A file that is gone with it.
struct temporary {
    explicit temporary(const std::string& text) {
        path = "/tmp/ashlar-agree-XXXXXX";
        ::close(::mkstemp(path.data()));
        std::ofstream(path) << text;
    }
    temporary(const temporary&) = delete;
    temporary& operator=(const temporary&) = delete;
    ~temporary() { std::remove(path.c_str()); }
    std::string path;
};

const sequence& named(const std::vector<sequence>& all, const std::string& id) {
    const auto found = std::ranges::find(all, id, &sequence::id);
    REQUIRE(found != all.end());
    return *found;
}

records on_twin(const sequence& s, const std::string& version) {
    const temporary file("# twin " + version + "\n" + run_on_twin(s, version, 2));
    return read_records(file.path);
}

std::set<std::string> met_rules() {
    std::set<std::string> ids;
    for (const sequence& s : enumerated_sequences()) {
        for (const step& one : s.steps) {
            for (const expectation& e : one.expected) ids.insert(e.rule);
        }
    }
    return ids;
}

}  // namespace

TEST_CASE("a file of records is read, and what was asked for again counts") {
    const temporary file("# linux 6.12.117\nsequence a.b\n1 one => 0 {x}\n  then 1 => 5\n"
                         "2 two => waits; more\nend clean\nsequence c\n1 one => -EIO\n"
                         "sequence c\n1 one => -ENODEV\nend clean\n");
    const records r = read_records(file.path);
    CHECK(r.version == 612);
    CHECK(r.order == std::vector<std::string>{"a.b", "c"});
    CHECK(r.of.at("a.b").outcome(0) == "0");
    CHECK(r.of.at("a.b").outcome(1) == "waits");
    CHECK(r.of.at("a.b").outcome(2).empty());
    CHECK(r.of.at("c").outcome(0) == "-ENODEV");
    CHECK(r.of.at("c").complete());
    const temporary half("# linux 7.3\nsequence a\n1 one => 0\n");
    CHECK_FALSE(read_records(half.path).of.at("a").complete());
}

TEST_CASE("a difference fails, unless it has a reason or the twin was not asked") {
    const temporary none(""), reason("6.12 a.*: a reason\n"), other("7.3 a.*: of another kernel\n");
    records real{
        .system = "linux 6.12", .version = 612, .of = {{"a.b", {{"1 x => 0"}}}}, .order = {"a.b"}};
    records twin = real;
    CHECK(compare(real, twin, none.path) == 0);
    twin.of.at("a.b").lines = {"1 x => -EIO"};
    CHECK(compare(real, twin, none.path) == 1);
    CHECK(compare(real, twin, other.path) == 1);
    CHECK(compare(real, twin, reason.path) == 0);
    twin.of.clear();
    CHECK(compare(real, twin, reason.path) == 1);
}

// PAR-8 looks at more since 6.12.117: the kernels' rows differ in what this sequence meets.
TEST_CASE("one wrong answer of the twin is found") {
    const temporary none("");
    const auto all = enumerated_sequences();
    const sequence& odd = named(all, "params.zoned-chunk-odd");
    const records right = on_twin(odd, "6.12.117"), wrong = on_twin(odd, "6.12.90");
    CHECK(compare(right, on_twin(odd, "6.12.117"), none.path) == 0);
    CHECK(compare(right, wrong, none.path) == 1);
    const std::string good = table_of({right}, {right}, none.path);
    const std::string bad = table_of({right}, {wrong}, none.path);
    CHECK(good.find("DIFFERS") == std::string::npos);
    CHECK(bad.find("DIFFERS") != std::string::npos);
}

TEST_CASE("sequences name rules that there are, and each rule is met or has a reason") {
    const std::vector<std::string> ids = rule_ids();
    const std::set<std::string> rules(ids.begin(), ids.end()), met = met_rules();
    std::set<std::string> fine, excused;
    for (const accepted& a : accepted_calls()) fine.insert(a.id);
    for (const unreachable& u : unreachable_rules()) excused.insert(u.rule);
    for (const std::string& id : met) {
        CAPTURE(id);
        CHECK(rules.contains(id) != fine.contains(id));
        CHECK_FALSE(excused.contains(id));
    }
    for (const std::string& id : rules) {
        CAPTURE(id);
        CHECK(met.contains(id) != excused.contains(id));
    }
    for (const std::string& id : excused) CHECK_MESSAGE(rules.contains(id), id);
    for (const std::string& id : fine) CHECK_MESSAGE(met.contains(id), id);
}

TEST_CASE("every sequence has a name of its own") {
    std::set<std::string> seen;
    for (const sequence& s : enumerated_sequences()) CHECK_MESSAGE(seen.insert(s.id).second, s.id);
}
