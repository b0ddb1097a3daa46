// SPDX-License-Identifier: MIT
#include "sim/oracle.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace ashlar::sim;

namespace {

constexpr std::uint64_t sector = 3;

// One sector of a disk, by hand: the values are written as numbers.
struct history {
    explicit history(oracle_terms terms = {.power_may_fail = true})
        : truth([&] {
              terms.sectors = 8;
              return terms;
          }()) {}
    oracle truth;

    oracle::time begin(value v, bool durable = false) {
        return truth.begin_write(sector, 1, v, durable);
    }
    void end(oracle::time began, bool well = true, bool durable = false) {
        truth.end_write(began, sector, 1, well, durable);
    }
    void write(value v, bool durable = false) { end(begin(v, durable), true, durable); }
    void flush(bool well = true) { truth.end_flush(truth.begin_flush(), well); }
    bool reads(value v) {
        const oracle::time began = truth.begin_read(sector, 1);
        const bool legal = truth.may_read(began, sector, v);
        if (legal) truth.learn(began, sector, v);
        truth.end_read(sector, 1);
        return legal;
    }
    std::vector<value> survivors(value most = 5) const {
        std::vector<value> all;
        for (value v = 0; v <= most; ++v) {
            if (truth.may_survive(sector, v)) all.push_back(v);
        }
        return all;
    }
};

using values = std::vector<value>;

}  // namespace

TEST_CASE("what was written is read, and what was there before is not") {
    history h;
    CHECK(h.reads(0));
    CHECK(!h.reads(1));
    h.write(1);
    CHECK(h.reads(1));
    CHECK(!h.reads(0));
    h.write(2);
    CHECK(!h.reads(1));
    h.write(0);  // a discard
    CHECK(h.reads(0));
    CHECK(!h.reads(2));
}

TEST_CASE("a read that overlaps a write sees the old or the new, and nothing else") {
    history h;
    h.write(1);
    const auto write = h.begin(2);
    const auto read = h.truth.begin_read(sector, 1);
    CHECK(h.truth.may_read(read, sector, 1));
    CHECK(h.truth.may_read(read, sector, 2));
    CHECK(!h.truth.may_read(read, sector, 0));
    h.end(write);
    CHECK(h.truth.may_read(read, sector, 1));  // as it was when the read began
    h.truth.end_read(sector, 1);
    CHECK(!h.reads(1));
}

TEST_CASE("writes that overlap may happen in either order, but only in one") {
    for (value seen : {1U, 2U}) {
        history h;
        const auto a = h.begin(1);
        const auto b = h.begin(2);
        h.end(b);
        h.end(a);
        CHECK(h.truth.may_read(100, sector, 1));
        CHECK(h.truth.may_read(100, sector, 2));
        CHECK(h.reads(seen));
        CHECK(!h.reads(3 - seen));
    }
}

TEST_CASE("a write that failed may have happened or not, until it is written over") {
    history h;
    h.write(1);
    h.end(h.begin(2), false);
    CHECK(h.truth.may_read(100, sector, 1));
    CHECK(h.truth.may_read(100, sector, 2));
    CHECK(h.reads(2));
    CHECK(!h.reads(1));
    h.write(3);
    CHECK(!h.reads(2));
}

TEST_CASE("after a power cut any unflushed write may be there, or the last flushed one") {
    history h;
    h.write(1);
    h.flush();
    CHECK(h.survivors() == values{1});
    h.write(2);
    h.write(3);
    const auto under_way = h.begin(4);
    CHECK(h.survivors() == values{1, 2, 3, 4});
    // The flush promises nothing of what ended after it began.
    const auto flush = h.truth.begin_flush();
    h.end(under_way);
    h.truth.end_flush(flush, true);
    CHECK(h.survivors() == values{3, 4});
    h.truth.cut_power(false);
    CHECK(h.reads(3));
    CHECK(!h.reads(4));
}

TEST_CASE("a write with FUA is durable when it ends, and hides what is older") {
    history h;
    h.write(1);
    const auto fua = h.begin(2, true);
    CHECK(h.survivors() == values{0, 1, 2});
    h.end(fua, true, true);
    CHECK(h.survivors() == values{2});
    history through({.power_may_fail = true, .every_write_is_durable = true});
    through.write(1);
    CHECK(through.survivors() == values{1});
}

TEST_CASE("a flush that failed promises nothing, and no later one what was written before it") {
    history h({.power_may_fail = true, .syncs_may_fail = true});
    h.write(1);
    h.flush(false);
    h.flush();
    CHECK(h.survivors() == values{0, 1});
    h.write(2);
    h.flush();
    CHECK(h.survivors() == values{2});
}

TEST_CASE("a sync that fails spoils the promise of another that ran beside it") {
    history h({.power_may_fail = true, .syncs_may_fail = true});
    h.write(1);
    const auto failing = h.truth.begin_flush();
    h.flush();
    CHECK(h.survivors() == values{0, 1});
    h.truth.end_flush(failing, false);
    CHECK(h.survivors() == values{0, 1});
    // And one that goes well in the end lets it hold.
    history well({.power_may_fail = true, .syncs_may_fail = true});
    well.write(1);
    const auto slow = well.truth.begin_flush();
    well.flush();
    well.truth.end_flush(slow, true);
    CHECK(well.survivors() == values{1});
}

TEST_CASE("a power cut that nothing outlives leaves zeros") {
    history h;
    h.write(1);
    h.truth.cut_power(true);
    CHECK(h.reads(0));
    CHECK(!h.reads(1));
}

TEST_CASE("sectors tell old from torn from misplaced from what nobody wrote") {
    std::vector<std::byte> memory(sector_bytes);
    const std::span<std::byte, sector_bytes> data(memory.data(), sector_bytes);
    CHECK(look(data, 7).what == seen::kind::zeros);
    stamp(data, 7, 42);
    CHECK(look(data, 7).what == seen::kind::whole);
    CHECK(look(data, 7).of == 42);
    CHECK(look(data, 8).what == seen::kind::misplaced);
    std::vector<std::byte> other(sector_bytes);
    stamp(std::span<std::byte, sector_bytes>(other.data(), sector_bytes), 7, 43);
    std::copy(other.begin() + 256, other.end(), memory.begin() + 256);
    CHECK(look(data, 7).what == seen::kind::torn);
    memory[3] = std::byte{0x55};
    CHECK(look(data, 7).what == seen::kind::garbage);
}
