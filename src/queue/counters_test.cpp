// SPDX-License-Identifier: MIT
#include "queue/counters.hpp"

#include <doctest/doctest.h>

using namespace ashlar;

TEST_CASE("latency: every value counts in one bucket, at most an eighth of it wide") {
    unsigned last = 0;
    for (std::uint64_t ns = 0; ns < 100'000; ++ns) {
        const unsigned bucket = latency_histogram::bucket_of(ns);
        CHECK((bucket == last || bucket == last + 1));
        const std::uint64_t most = latency_histogram::most_of(bucket);
        CHECK(most >= ns);
        CHECK(most - ns <= ns / 8);
        last = bucket;
    }
    CHECK(latency_histogram::bucket_of(~0ull) == latency_histogram::buckets - 1);
}

TEST_CASE("latency: percentiles are those of all queues that were added up") {
    latency_histogram a, b;
    CHECK(a.percentile(99) == 0);
    a.counts[latency_histogram::bucket_of(1000)] = 99;
    b.counts[latency_histogram::bucket_of(1'000'000)] = 1;
    a.merge(b);
    CHECK(a.count() == 100);
    CHECK(a.percentile(50) < 1200);
    CHECK(a.percentile(99) < 1200);
    CHECK(a.percentile(100) >= 1'000'000);
}

TEST_CASE("counters: the oldest request that is not answered is told") {
    queue::counters c;
    c.make_room(4);
    c.since[1].set(1001);
    c.since[3].set(501);
    queue_counters seen = c.snapshot(2001);
    CHECK(seen.in_hand == 2);
    CHECK(seen.longest_ns == 1500);
    c.since[3].set(0);
    c.answered(1500, 1);
    seen = c.snapshot(2001);
    CHECK(seen.in_hand == 1);
    CHECK(seen.longest_ns == 1000);
    CHECK(seen.latency.count() == 1);
}
