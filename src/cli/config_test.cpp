// SPDX-License-Identifier: MIT
#include "cli/config.hpp"

#include <doctest/doctest.h>

using namespace ashlar;
using namespace ashlar::cli;

namespace {

// Where and why a file is refused.
std::string refusal(std::string_view text) {
    const auto devices = parse_config(text, "a.toml");
    REQUIRE(!devices);
    CHECK(devices.error().usage);
    CHECK(!devices.error().remedy.empty());
    return devices.error().operation + " " + devices.error().why;
}

}  // namespace

TEST_CASE("a file of devices gives what ashlar add would be called with") {
    const auto devices = parse_config(R"(
[device.scratch]
size = "64M"
target = "mem"
queues = 2
read-only = false

[device.image]
target = "file"
path = "a b.raw"
read-only = true
supervise = false
)",
                                      "a.toml");
    REQUIRE(devices);
    REQUIRE(devices->size() == 2);
    const configured_device& scratch = devices->at(0);
    CHECK(scratch.name == "scratch");
    CHECK(scratch.add.kind->name == "mem");
    CHECK(scratch.add.values.text("name") == "scratch");
    CHECK(scratch.add.values.text("size") == "64M");
    CHECK(scratch.add.values.text("queues") == "2");
    CHECK(!scratch.add.values.has("read-only"));
    CHECK(scratch.add.values.has("supervise"));
    CHECK(scratch.asked == "mem --queues=2 --size=64M --supervise");
    const configured_device& image = devices->at(1);
    CHECK(image.add.values.text("path") == "a b.raw");
    CHECK(image.add.values.has("read-only"));
    CHECK(!image.add.values.has("supervise"));
}

TEST_CASE("the order of a device's keys is no difference, and a device that ends has no keeper") {
    const auto one = parse_config("[device.a]\ntarget='mem'\nsize='1M'\nrecovery='fail'\n", "a");
    const auto other = parse_config("[device.a]\nrecovery='fail'\nsize='1M'\ntarget='mem'\n", "a");
    REQUIRE(one);
    REQUIRE(other);
    CHECK(one->at(0).asked == other->at(0).asked);
    CHECK(one->at(0).asked == "mem --recovery=fail --size=1M");
}

TEST_CASE("no devices are no error") {
    const auto none = parse_config("# nothing yet\n", "a.toml");
    REQUIRE(none);
    CHECK(none->empty());
}

TEST_CASE("what is wrong in a file is told with its line") {
    CHECK(refusal("\n[device.a]\nsize = 3 4\n").starts_with("a.toml:3 "));
    CHECK(refusal("[device.a]\nsize = '1M'\n") == "a.toml:1 device a has no target");
    CHECK(refusal("[device.a]\ntarget = 1\n") == "a.toml:2 device a has no target");
    CHECK(refusal("[device.a]\n\ntarget = 'tape'\n").starts_with("a.toml:3 unknown target 'tape'"));
    CHECK(refusal("[device.a]\ntarget='mem'\nsise='1M'\n").starts_with("a.toml:3 unknown option"));
    CHECK(refusal("[device.a]\ntarget='mem'\nsize='1X'\n").starts_with("a.toml:3 --size"));
    CHECK(refusal("[device.a]\ntarget='mem'\nsize=[1]\n").starts_with("a.toml:3 size: it is no"));
    CHECK(refusal("[device.a]\ntarget='mem'\nread-only='yes'\n").starts_with("a.toml:3 "));
    CHECK(refusal("[device.a]\ntarget='mem'\nsupervise='yes'\n").starts_with("a.toml:3 supervise"));
    CHECK(refusal("[device.a]\ntarget='mem'\nname='b'\n") == "a.toml:3 name can't be set here");
    CHECK(refusal("[device]\na = 1\n") == "a.toml:2 device.a is no table");
    CHECK(refusal("[disk.a]\ntarget='mem'\n") == "a.toml:1 disk means nothing here");
    CHECK(refusal("device = 1\n") == "a.toml:1 device means nothing here");
}

TEST_CASE("a file that can't be read is named") {
    const auto none = read_config("/nowhere/devices.toml");
    REQUIRE(!none);
    CHECK(none.error().object == "/nowhere/devices.toml");
    CHECK(none.error().code == ENOENT);
    CHECK(!read_config("/"));
}
