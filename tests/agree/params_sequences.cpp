// SPDX-License-Identifier: MIT
// SET_PARAMS, GET_PARAMS.
#include "enumerated.hpp"

#include <fcntl.h>

namespace agree {

namespace {

using uapi::ctrl_op;
using uapi::params;

template <class F>
sequence step_rule(std::string id, const F& change, std::string rule, std::string outcome,
                   unsigned from = 0, unsigned before = 9999) {
    return make("params." + std::move(id), add(), get_params(),
                changed(set_params(good_params()), change)
                    .meets(std::move(rule), std::move(outcome), from, before),
                get_params());
}

// SET_PARAMS on a device of these flags, after a good one: what a refused one leaves shows.
template <class F>
sequence rule_on(std::uint64_t flags, std::string id, const F& change, std::string rule,
                 std::string outcome, unsigned from = 0, unsigned before = 9999) {
    const shape of{.flags = flags};
    return make("params." + std::move(id), add(of), set_params(good_params()),
                params_with(change, of).meets(std::move(rule), std::move(outcome), from, before),
                get_params());
}

template <class F>
sequence rule(std::string id, const F& change, std::string name, std::string outcome,
              unsigned from = 0, unsigned before = 9999) {
    return rule_on(0, std::move(id), change, std::move(name), std::move(outcome), from, before);
}

sequences header() {
    return {
        step_rule(
            "fine", [](step&) {}, "SET-0", "0"),
        step_rule(
            "len-8", [](step& s) { s.header_len = 8; }, "SET-1", "-EINVAL"),
        step_rule(
            "null", [](step& s) { s.at = place::none; }, "SET-1", "-EINVAL"),
        step_rule(
            "bad", [](step& s) { s.at = place::bad; }, "SET-2", "-EFAULT"),
        step_rule(
            "longer-than-call", [](step& s) { s.header_len = 100; }, "SET-3", "-EINVAL"),
        make("params.cut-short", added(),
             changed(set_params(good_params()),
                     [](step& s) {
                         params p = good_params();
                         p.basic.io_opt_shift = 13;
                         s.at = place::edge;
                         s.payload = bytes_of(p);
                         s.payload.resize(20);
                     })
                 .meets("SET-6", "-EFAULT"),
             get_params()),
        rule(
            "len-0", [](params& p) { p.len = 0; }, "SET-3", "-EINVAL"),
        rule(
            "types-0", [](params& p) { p.types = 0; }, "SET-3", "-EINVAL"),
        make("params.longer-than-kernel", add(),
             changed(set_params(good_params()),
                     [](step& s) {
                         params p = good_params();
                         p.len = 400;
                         s.payload = bytes_of(p);
                         s.payload.resize(400);
                         s.header_len = 400;
                     })
                 .meets("SET-4", "0"),
             get_params()),
        rule(
            "short-prefix",
            [](params& p) {
                p.len = 40;
                p.basic.dev_sectors = 4096;
            },
            "SET-4", "0"),
        rule(
            "shortest-prefix", [](params& p) { p.len = 8; }, "SET-4", "0"),
        rule(
            "prefix-in-basic",
            [](params& p) {
                p.len = 24;
                p.basic.max_sectors = 64;
                p.basic.dev_sectors = 9;
            },
            "SET-4", "0"),
        rule(
            "len-1", [](params& p) { p.len = 1; }, "SET-3", "0"),
        make("params.while-live", live(), params_with([](params&) {}).meets("SET-5", "-EACCES"),
             get_params()),
        make("params.disk-held-after-stop", live(), disk_open(O_RDONLY), command(ctrl_op::stop_dev),
             params_with([](params&) {}).meets("SET-5", "-EACCES"), disk(op::disk_close),
             params_with([](params&) {}).meets("SET-5", "0")),
        make("params.after-stop", live(), command(ctrl_op::stop_dev),
             params_with([](params&) {}).meets("SET-5", "0")),
        // The address is in the last page of the process's own memory, what follows it is not.
        make("params.half-readable", add(), set_params(good_params()),
             changed(set_params(good_params()),
                     [](step& s) {
                         s.at = place::bad;
                         s.header_len = 152;
                     })
                 .meets("SET-2", "-EFAULT"),
             get_params()),
        rule(
            "type-unknown", [](params& p) { p.types |= 1u << 20; }, "SET-7", "0"),
        make("params.get-len-8", added(),
             changed(get_params(), [](step& s) { s.header_len = 8; }).meets("GETP-1", "-EINVAL")),
        make("params.get-null", added(),
             changed(get_params(), [](step& s) { s.at = place::none; }).meets("GETP-1", "-EINVAL")),
        make("params.get-bad", added(),
             changed(get_params(), [](step& s) { s.at = place::bad; }).meets("GETP-2", "-EFAULT")),
        make("params.get-longer-than-call", added(),
             changed(get_params(), [](step& s) { s.header_len = 100; }).meets("GETP-3", "-EINVAL")),
        make("params.get-0", added(),
             changed(get_params(), [](step& s) { s.payload = bytes_of(params{}); })
                 .meets("GETP-3", "-EINVAL")),
        make("params.get-short", added(),
             changed(get_params(), [](step& s) { s.payload = bytes_of(params{.len = 60}); })
                 .meets("GETP-4", "0")),
        make("params.get-long", added(),
             changed(get_params(),
                     [](step& s) {
                         s.payload = bytes_of(params{.len = 900});
                         s.header_len = 900;
                     })
                 .meets("GETP-4", "0")),
        make("params.devt-live", live(), get_params(), command(ctrl_op::stop_dev), get_params()),
        make("params.devt-bit-stays", add(), set_params(good_params()), get_params(),
             start().meets("START-4", "waits")),
    };
}

sequences basic() {
    return {
        rule(
            "no-basic",
            [](params& p) {
                p.types = uapi::param_type_discard;
                p.discard.discard_granularity = 512;
            },
            "PAR-1", "-EINVAL"),
        rule(
            "logical-8", [](params& p) { p.basic.logical_bs_shift = 8; }, "PAR-2", "-EINVAL"),
        rule(
            "logical-12", [](params& p) { p.basic.logical_bs_shift = 12; }, "PAR-2", "0"),
        rule(
            "logical-13",
            [](params& p) {
                p.basic.logical_bs_shift = 13;
                p.basic.physical_bs_shift = 13;
            },
            "PAR-2", "-EINVAL"),
        rule(
            "physical-28", [](params& p) { p.basic.physical_bs_shift = 28; }, "PAR-3", "0"),
        rule(
            "physical-29", [](params& p) { p.basic.physical_bs_shift = 29; }, "PAR-3", "-EINVAL",
            702),
        rule(
            "io-min-29", [](params& p) { p.basic.io_min_shift = 29; }, "PAR-3", "-EINVAL", 702),
        rule(
            "io-opt-29", [](params& p) { p.basic.io_opt_shift = 29; }, "PAR-3", "-EINVAL", 702),
        rule(
            "logical-over-physical",
            [](params& p) {
                p.basic.physical_bs_shift = 9;
                p.basic.logical_bs_shift = 10;
            },
            "PAR-5", "-EINVAL"),
        rule(
            "max-sectors-limit", [](params& p) { p.basic.max_sectors = 128; }, "PAR-6", "0"),
        rule(
            "max-sectors-over", [](params& p) { p.basic.max_sectors = 129; }, "PAR-6", "-EINVAL"),
        rule(
            "max-sectors-7", [](params& p) { p.basic.max_sectors = 7; }, "PAR-7", "-EINVAL", 612,
            613),
        rule(
            "max-sectors-8", [](params& p) { p.basic.max_sectors = 8; }, "PAR-7", "0"),
        rule(
            "max-sectors-7-new", [](params& p) { p.basic.max_sectors = 7; }, "PAR-7", "-EINVAL",
            702),
        rule(
            "max-sectors-0", [](params& p) { p.basic.max_sectors = 0; }, "PAR-7", "-EINVAL", 702),
        rule(
            "sectors-0", [](params& p) { p.basic.dev_sectors = 0; }, "PAR-0", "0"),
        rule(
            "sectors-huge", [](params& p) { p.basic.dev_sectors = ~0ull; }, "PAR-0", "0"),
        rule(
            "attrs-all", [](params& p) { p.basic.attrs = ~0u; }, "PAR-0", "0"),
        rule(
            "boundary", [](params& p) { p.basic.virt_boundary_mask = 12345; }, "PAR-0", "0"),
        rule(
            "discard-two-segments",
            [](params& p) {
                p.types |= uapi::param_type_discard;
                p.discard = {.discard_granularity = 512,
                             .max_discard_sectors = 8,
                             .max_discard_segments = 2};
            },
            "PAR-9", "-EINVAL"),
        rule(
            "discard-no-segments",
            [](params& p) {
                p.types |= uapi::param_type_discard;
                p.discard = {.discard_granularity = 512, .max_discard_sectors = 8};
            },
            "PAR-9", "-EINVAL"),
        rule(
            "discard-granularity-0",
            [](params& p) {
                p.types |= uapi::param_type_discard;
                p.discard = {.max_discard_sectors = 8, .max_discard_segments = 1};
            },
            "PAR-10", "-EINVAL"),
        rule(
            "discard-fine",
            [](params& p) {
                p.types |= uapi::param_type_discard;
                p.discard = {
                    .discard_granularity = 1, .max_discard_sectors = 8, .max_discard_segments = 1};
            },
            "PAR-9", "0"),
        rule(
            "discard-none",
            [](params& p) {
                p.types |= uapi::param_type_discard;
                p.discard = {.discard_granularity = 7, .max_discard_segments = 9};
            },
            "PAR-9", "0"),
        rule(
            "devt", [](params& p) { p.types |= uapi::param_type_devt; }, "PAR-12", "-EINVAL"),
    };
}

void zone(params& p) {
    p.types |= uapi::param_type_zoned;
    p.basic.chunk_sectors = 256;
    p.zoned = {.max_open_zones = 4, .max_active_zones = 6, .max_zone_append_sectors = 8};
}

sequences others() {
    constexpr std::uint64_t zoned = uapi::f_zoned | uapi::f_user_copy;
    const auto dma = [](std::uint32_t mask) {
        return [mask](params& p) {
            p.types |= uapi::param_type_dma_align;
            p.dma.alignment = mask;
        };
    };
    const auto segment = [](std::uint64_t boundary, std::uint32_t size) {
        return [=](params& p) {
            p.types |= uapi::param_type_segment;
            p.seg = {boundary, size, 16};
        };
    };
    constexpr std::uint64_t pi = uapi::f_integrity | uapi::f_user_copy;
    const auto integrity = [&](std::string id, uapi::param_integrity i, std::string outcome) {
        sequence s = rule_on(
            pi, "integrity-" + std::move(id),
            [&](params& p) {
                p.types |= uapi::param_type_integrity;
                p.integrity = i;
            },
            "PAR-18", std::move(outcome));
        return since(700, std::move(s));
    };
    const uapi::param_integrity ok{
        .flags = 1, .interval_exp = 9, .metadata_size = 8, .csum_type = 2};
    const auto but = [&](auto change) {
        uapi::param_integrity i = ok;
        change(i);
        return i;
    };
    using pint = uapi::param_integrity;
    return {
        rule_on(zoned, "zoned-fine", zone, "PAR-14", "0"),
        rule("zoned-without-flag", zone, "PAR-14", "-EINVAL"),
        rule_on(
            zoned, "zoned-append-0",
            [](params& p) {
                zone(p);
                p.zoned.max_zone_append_sectors = 0;
            },
            "PAR-14", "-EINVAL"),
        rule_on(
            zoned, "zoned-open-over",
            [](params& p) {
                zone(p);
                p.zoned.max_open_zones = 9;
            },
            "PAR-14", "-EINVAL"),
        rule_on(
            zoned, "zoned-active-limit",
            [](params& p) {
                zone(p);
                p.zoned.max_active_zones = 8;
            },
            "PAR-14", "0"),
        rule_on(
            zoned, "zoned-active-over",
            [](params& p) {
                zone(p);
                p.zoned.max_active_zones = 9;
            },
            "PAR-14", "-EINVAL"),
        rule_on(
            zoned, "zoned-missing", [](params&) {}, "PAR-8", "-EINVAL"),
        rule_on(
            zoned, "zoned-missing-with-chunk", [](params& p) { p.basic.chunk_sectors = 256; },
            "PAR-15", "-EINVAL"),
        rule_on(
            zoned, "zoned-chunk-0",
            [](params& p) {
                zone(p);
                p.basic.chunk_sectors = 0;
            },
            "PAR-8", "-EINVAL"),
        rule_on(
            zoned, "zoned-chunk-odd",
            [](params& p) {
                zone(p);
                p.basic.chunk_sectors = 255;
            },
            "PAR-8", "-EINVAL", 612),
        rule_on(
            zoned, "zoned-dma-unchecked",
            [](params& p) {
                zone(p);
                p.types |= uapi::param_type_dma_align;
                p.dma.alignment = 77;
            },
            "PAR-14", "0"),
        since(615, rule("dma-4095", dma(4095), "PAR-16", "0")),
        since(615, rule("dma-8191", dma(8191), "PAR-16", "-EINVAL")),
        since(615, rule("dma-4", dma(4), "PAR-16", "-EINVAL")),
        since(615, rule("dma-0", dma(0), "PAR-16", "0")),
        since(615, rule("segment-fine", segment(4095, 4096), "PAR-17", "0")),
        since(615, rule("segment-odd", segment(4096, 4096), "PAR-17", "-EINVAL")),
        since(615, rule("segment-2047", segment(2047, 4096), "PAR-17", "-EINVAL")),
        since(615, rule("segment-all-ones", segment(~0ull, 4096), "PAR-17", "-EINVAL")),
        since(615, rule("segment-2-63", segment((1ull << 63) - 1, 4096), "PAR-17", "0")),
        since(615, rule("segment-small", segment(4095, 4095), "PAR-17", "-EINVAL")),
        until(615, rule("dma-unknown", dma(77), "SET-7", "0")),
        until(615, rule("segment-unknown", segment(1, 1), "SET-7", "0")),
        integrity("fine", ok, "0"),
        since(700, rule(
                       "integrity-flag-missing",
                       [&](params& p) {
                           p.types |= uapi::param_type_integrity;
                           p.integrity = ok;
                       },
                       "PAR-18", "-EINVAL")),
        integrity("flags", but([](pint& i) { i.flags = 5; }), "-EINVAL"),
        integrity("checksum", but([](pint& i) { i.csum_type = 3; }), "-EINVAL"),
        integrity("checksum-5", but([](pint& i) { i.csum_type = 5; }), "-EINVAL"),
        integrity("nvme-small", but([](pint& i) { i.csum_type = 4; }), "-EINVAL"),
        integrity("nvme", but([](pint& i) {
                      i.csum_type = 4;
                      i.metadata_size = 16;
                  }),
                  "0"),
        integrity("size-0", but([](pint& i) { i.metadata_size = 0; }), "-EINVAL"),
        integrity("none-reftag", but([](pint& i) {
                      i.csum_type = 0;
                      i.flags = 3;
                  }),
                  "-EINVAL"),
        integrity("none", but([](pint& i) {
                      i.csum_type = 0;
                      i.metadata_size = 1;
                  }),
                  "0"),
        integrity("offset", but([](pint& i) { i.pi_offset = 1; }), "-EINVAL"),
        integrity("interval-8", but([](pint& i) { i.interval_exp = 8; }), "-EINVAL"),
        integrity("interval-10", but([](pint& i) { i.interval_exp = 10; }), "-EINVAL"),
    };
}

}  // namespace

sequences params_sequences() {
    sequences all = header();
    for (sequence& s : basic()) all.push_back(std::move(s));
    for (sequence& s : others()) all.push_back(std::move(s));
    return all;
}

}  // namespace agree
