// SPDX-License-Identifier: MIT
// Values beside the limits: the last that is taken, and the first that is not.
#include "support/legal_calls.hpp"

#include <doctest/doctest.h>

#include <string_view>

using namespace ashlar::rules;
namespace uapi = ashlar::uapi;

namespace {

// The id of the rule that the call breaks, or "".
std::string_view answer(const scene& s) {
    const row* r = contract(s.k).first_broken(s.about, s.c);
    return r ? r->id : "";
}

struct limit {
    const char* kernel;
    subject about;
    std::string_view id;
    void (*taken)(scene&);
    void (*refused)(scene&);
};

constexpr limit limits[] = {
    {"7.3", subject::add_dev, "ADD-1", [](scene& s) { s.c.payload_length = std::uint16_t{64}; },
     [](scene& s) { s.c.payload_length = std::uint16_t{63}; }},
    {"7.3", subject::add_dev, "ADD-4", [](scene& s) { s.info.queue_depth = 4096; },
     [](scene& s) { s.info.queue_depth = 4097; }},
    {"7.3", subject::add_dev, "ADD-4", [](scene& s) { s.info.nr_hw_queues = 4096; },
     [](scene& s) { s.info.nr_hw_queues = 4097; }},
    {"6.1", subject::add_dev, "ADD-19", [](scene& s) { s.info.nr_hw_queues = 5000; },
     [](scene& s) { s.info.nr_hw_queues = 0; }},
    {"7.3", subject::add_dev, "ADD-13",
     [](scene& s) { s.info.dev_id = (1 << 20) - 1, s.c.dev_id = s.info.dev_id; },
     [](scene& s) { s.info.dev_id = 1 << 20, s.c.dev_id = s.info.dev_id; }},
    {"7.3", subject::add_dev, "ADD-10",
     [](scene& s) { s.info.flags = uapi::f_io_desc_size, s.info.io_desc_size = 256; },
     [](scene& s) { s.info.flags = uapi::f_io_desc_size, s.info.io_desc_size = 264; }},
    {"7.3", subject::add_dev, "ADD-10",
     [](scene& s) { s.info.flags = uapi::f_io_desc_size, s.info.io_desc_size = 24; },
     [](scene& s) { s.info.flags = uapi::f_io_desc_size, s.info.io_desc_size = 16; }},
    {"6.12", subject::add_dev, "ADD-18",
     [](scene& s) { s.info.flags = uapi::f_zoned | uapi::f_user_copy; },
     [](scene& s) { s.info.flags = uapi::f_zoned | uapi::f_supp_zero_copy; }},
    {"7.3", subject::set_params, "SET-1", [](scene&) {},
     [](scene& s) { s.c.payload_length = std::uint16_t{8}; }},
    {"7.3", subject::set_params, "SET-3", [](scene& s) { s.c.params_length = 256u; },
     [](scene& s) { s.c.params_length = 257u; }},
    {"7.3", subject::set_params, "PAR-2", [](scene& s) { s.params.basic.logical_bs_shift = 12; },
     [](scene& s) { s.params.basic.logical_bs_shift = 13, s.params.basic.physical_bs_shift = 13; }},
    {"7.3", subject::set_params, "PAR-3", [](scene& s) { s.params.basic.io_opt_shift = 28; },
     [](scene& s) { s.params.basic.io_opt_shift = 29; }},
    {"7.3", subject::set_params, "PAR-5", [](scene& s) { s.params.basic.physical_bs_shift = 9; },
     [](scene& s) { s.params.basic.physical_bs_shift = 8; }},
    {"7.3", subject::set_params, "PAR-6", [](scene& s) { s.params.basic.max_sectors = 2048; },
     [](scene& s) { s.params.basic.max_sectors = 2049; }},
    {"6.12", subject::set_params, "PAR-7", [](scene& s) { s.params.basic.max_sectors = 8; },
     [](scene& s) { s.params.basic.max_sectors = 7; }},
    {"7.3", subject::set_params, "PAR-16",
     [](scene& s) { s.params.types |= 16, s.params.dma.alignment = 4095; },
     [](scene& s) { s.params.types |= 16, s.params.dma.alignment = 8191; }},
    {"7.3", subject::set_params, "PAR-17",
     [](scene& s) {
         s.params.types |= 32;
         s.params.seg = {.seg_boundary_mask = (1ull << 63) - 1, .max_segment_size = 4096};
     },
     [](scene& s) {
         s.params.types |= 32;
         s.params.seg = {.seg_boundary_mask = ~0ull, .max_segment_size = 4096};
     }},
    {"7.3", subject::set_params, "PAR-18",
     [](scene& s) {
         s.c.flags = uapi::f_integrity | uapi::f_user_copy;
         s.params.types |= 64;
         s.params.integrity = {.flags = 1, .interval_exp = 9, .metadata_size = 16, .csum_type = 4};
     },
     [](scene& s) {
         s.c.flags = uapi::f_integrity | uapi::f_user_copy;
         s.params.types |= 64;
         s.params.integrity = {.flags = 1, .interval_exp = 9, .metadata_size = 15, .csum_type = 4};
     }},
    {"7.3", subject::get_queue_affinity, "AFF-1",
     [](scene& s) { s.k.cpu_ids = 64, s.c.payload_length = std::uint16_t{8}; },
     [](scene& s) { s.k.cpu_ids = 65, s.c.payload_length = std::uint16_t{8}; }},
    {"7.3", subject::fetch_req, "IO-3", [](scene& s) { s.c.q_id = std::uint16_t{1}; },
     [](scene& s) { s.c.q_id = std::uint16_t{2}; }},
    {"7.3", subject::fetch_req, "IO-4", [](scene& s) { s.c.tag = std::uint16_t{7}; },
     [](scene& s) { s.c.tag = std::uint16_t{8}; }},
    {"7.3", subject::prep_io_cmds, "B-2", [](scene& s) { s.batch.nr_elem = 8; },
     [](scene& s) { s.batch.nr_elem = 9; }},
    {"7.3", subject::unreg_buf, "UBUF-2", [](scene& s) { s.c.data = 65535u; },
     [](scene& s) { s.c.data = 65536u; }},
    {"7.3", subject::reg_buf, "RBUF-5", [](scene& s) { s.buffer.len = 1ull << 32; },
     [](scene& s) { s.buffer.len = (1ull << 32) + 4096; }},
    {"7.3", subject::map_descriptors, "MMAP-4", [](scene& s) { s.c.bytes = 4096u; },
     [](scene& s) { s.c.bytes = 4097u; }},
    {"7.3", subject::read_data, "UC-8",
     [](scene& s) { s.c.position = uapi::user_copy_position(1, 7, 4096); },
     [](scene& s) { s.c.position = uapi::user_copy_position(1, 7, 4097); }},
};

}  // namespace

TEST_CASE("the last value is taken and the next is refused") {
    for (const limit& l : limits) {
        CAPTURE(l.id);
        scene taken(*kernel_named(l.kernel), l.about);
        l.taken(taken);
        CHECK(answer(taken) == "");
        scene refused(*kernel_named(l.kernel), l.about);
        l.refused(refused);
        CHECK(answer(refused) == l.id);
    }
}

TEST_CASE("the payload is what the path step leaves") {
    const kernel k = *kernel_named("7.3");
    scene s(k, subject::get_dev_info);
    s.c.length = std::uint16_t{70};
    s.c.path_length = std::uint16_t{6};
    fill_payload(k, s.c);
    CHECK((s.c.payload_length == 70).yes());
    s.c.flags = uapi::f_unprivileged_dev;
    fill_payload(k, s.c);
    CHECK((s.c.payload_length == 64).yes());
    CHECK((s.c.payload_address == 0x7f0000001006u).yes());
    CHECK(answer(s) == "");
    s.c.path_length = std::uint16_t{7};
    fill_payload(k, s.c);
    CHECK(answer(s) == "INFO-1");
    s.c.flags.forget();
    fill_payload(k, s.c);
    CHECK(!s.c.payload_length.known());
    s.c.command_number = encoded(uapi::ctrl_op::add_dev);
    fill_payload(k, s.c);
    CHECK((s.c.payload_length == 70).yes());
}
