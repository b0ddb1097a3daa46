// SPDX-License-Identifier: MIT
// The numbers of the interface against the facts of KERNEL.md, and the texts, word for word.
#include "uapi/print.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

namespace uapi = ashlar::uapi;
using uapi::ctrl_op;
using uapi::io_op;

TEST_CASE("uapi: every command has its encoded number") {
    struct row {
        std::uint32_t encoded;
        std::uint32_t raw;
        std::string_view name;
    };
    constexpr row control[] = {
        {0x80207501, 0x01, "GET_QUEUE_AFFINITY"},
        {0x80207502, 0x02, "GET_DEV_INFO"},
        {0xc0207504, 0x04, "ADD_DEV"},
        {0xc0207505, 0x05, "DEL_DEV"},
        {0xc0207506, 0x06, "START_DEV"},
        {0xc0207507, 0x07, "STOP_DEV"},
        {0xc0207508, 0x08, "SET_PARAMS"},
        {0x80207509, 0x09, "GET_PARAMS"},
        {0xc0207510, 0x10, "START_USER_RECOVERY"},
        {0xc0207511, 0x11, "END_USER_RECOVERY"},
        {0x80207512, 0x12, "GET_DEV_INFO2"},
        {0x80207513, 0x13, "GET_FEATURES"},
        {0x80207514, 0x14, "DEL_DEV_ASYNC"},
        {0xc0207515, 0x15, "UPDATE_SIZE"},
        {0xc0207516, 0x16, "QUIESCE_DEV"},
        {0xc0207517, 0x17, "TRY_STOP_DEV"},
        {0xc0207518, 0x18, "REG_BUF"},
        {0xc0207519, 0x19, "UNREG_BUF"},
    };
    constexpr row io[] = {
        {0xc0107520, 0x20, "FETCH_REQ"},         {0xc0107521, 0x21, "COMMIT_AND_FETCH_REQ"},
        {0xc0107522, 0x22, "NEED_GET_DATA"},     {0xc0107523, 0x23, "REGISTER_IO_BUF"},
        {0xc0107524, 0x24, "UNREGISTER_IO_BUF"}, {0xc0107525, 0x25, "PREP_IO_CMDS"},
        {0xc0107526, 0x26, "COMMIT_IO_CMDS"},    {0xc0107527, 0x27, "FETCH_IO_CMDS"},
    };
    REQUIRE(std::size(control) == std::size(uapi::ctrl_ops));
    REQUIRE(std::size(io) == std::size(uapi::io_ops));
    for (std::size_t i = 0; i < std::size(control); ++i) {
        const ctrl_op command = uapi::ctrl_ops[i];
        CAPTURE(control[i].name);
        CHECK(uapi::encoded(command) == control[i].encoded);
        CHECK(uapi::raw(command) == control[i].raw);
        CHECK(uapi::name(command) == control[i].name);
        CHECK(uapi::encode(uapi::decode(control[i].encoded)) == control[i].encoded);
    }
    for (std::size_t i = 0; i < std::size(io); ++i) {
        const io_op command = uapi::io_ops[i];
        CAPTURE(io[i].name);
        CHECK(uapi::encoded(command) == io[i].encoded);
        CHECK(uapi::raw(command) == io[i].raw);
        CHECK(uapi::name(command) == io[i].name);
        CHECK(uapi::encode(uapi::decode(io[i].encoded)) == io[i].encoded);
    }
}

TEST_CASE("uapi: a command number comes apart") {
    using uapi::ioc_direction;
    CHECK(uapi::decode(0x80207513) == uapi::command_number{ioc_direction::read, 32, 'u', 0x13});
    CHECK(uapi::decode(0xc0107520) ==
          uapi::command_number{ioc_direction::read_write, 16, 'u', 0x20});
    CHECK(uapi::decode(0x20) == uapi::command_number{ioc_direction::none, 0, 0, 0x20});
    CHECK(uapi::is_known(ctrl_op{0x19}));
    CHECK_FALSE(uapi::is_known(ctrl_op{0x03}));
    CHECK_FALSE(uapi::is_known(ctrl_op{0x1a}));
    CHECK_FALSE(uapi::is_known(io_op{0x28}));

    CHECK(uapi::command_text(0xc0207504) == "ADD_DEV (0xc0207504)");
    CHECK(uapi::command_text(0x20) == "FETCH_REQ (0x20, raw)");
    CHECK(uapi::command_text(0x40207504) ==
          "ADD_DEV in an unusual encoding, 0x40207504 (type 0x75, number 0x4, 32 bytes, write)");
    CHECK(uapi::command_text(0x99) == "unknown command 0x99, raw");
    CHECK(uapi::command_text(0xc0207599) ==
          "unknown command 0xc0207599 (type 0x75, number 0x99, 32 bytes, read/write)");
}

TEST_CASE("uapi: descriptors are mapped by a stride that counts the largest depth") {
    CHECK(uapi::descriptor_stride(24, 4096) == 98304);
    CHECK(uapi::descriptor_stride(24, 65536) == 131072);
    CHECK(uapi::descriptor_stride(256, 4096) == 1u << 20);
    CHECK(uapi::descriptor_map_bytes(128, 24, 4096) == 4096);
    CHECK(uapi::descriptor_map_bytes(171, 24, 4096) == 8192);
    CHECK(uapi::descriptor_map_bytes(4096, 24, 4096) == 98304);
    CHECK(uapi::descriptor_map_bytes(1, 24, 65536) == 65536);
    CHECK(uapi::descriptor_map_bytes(64, 256, 4096) == 16384);
}

TEST_CASE("uapi: user copy positions go there and back") {
    CHECK(uapi::user_copy_position(0, 0, 0) == 0x80000000);
    CHECK(uapi::user_copy_position(0, 1, 0) == 0x82000000);
    CHECK(uapi::user_copy_position(1, 0, 0) == 0x20080000000);
    CHECK(uapi::user_copy_position(1, 2, 3) == 0x20084000003);
    CHECK(uapi::user_copy_position(4095, 4095, (1u << 25) - 1) == 0x1ffe207fffffff);

    CHECK(uapi::user_copy_place_of(0x20084000003) == uapi::user_copy_place{1, 2, 3, false});
    CHECK(uapi::user_copy_place_of(0x20084000003 | uapi::user_copy_integrity) ==
          uapi::user_copy_place{1, 2, 3, true});
    CHECK(uapi::user_copy_place_of(0).q_id == 4095);
}

TEST_CASE("uapi: addresses that carry an index") {
    CHECK(uapi::sqe_addr({.index = 7, .flags = uapi::auto_buf_reg_fallback}) == 0x10007);
    CHECK(uapi::sqe_addr(uapi::auto_buf_reg_of(0x1122334455667788)) == 0x1122334455667788);
    CHECK(uapi::shmem_index(0x300001000) == 3);
    CHECK(uapi::shmem_offset(0x300001000) == 0x1000);
    CHECK(uapi::batch_elem_bytes(0) == 8);
    CHECK(uapi::batch_elem_bytes(uapi::batch_f_has_buf_addr) == 16);
    CHECK(uapi::batch_elem_bytes(uapi::batch_f_has_buf_addr | uapi::batch_f_has_zone_lba) == 24);
}

TEST_CASE("uapi: features are one row a bit, in order") {
    REQUIRE(uapi::features().size() == 21);
    std::uint64_t bit = 1;
    for (const uapi::feature& row : uapi::features()) {
        CHECK(row.bit == bit);
        CHECK(uapi::flags_text(bit) == row.name);
        CHECK_FALSE(std::string_view(row.since).empty());
        CHECK_FALSE(std::string_view(row.gives).empty());
        bit <<= 1;
    }
    CHECK(bit - 1 == uapi::all_known_flags);
    CHECK(uapi::all_known_flags == 0x1fffff);
}

TEST_CASE("uapi: GET_FEATURES answers follow from the releases of the features") {
    using namespace std::string_view_literals;
    // Bit 0 is known to every kernel, but the early ones mask it out.
    auto answer = [](auto... releases) {
        std::uint64_t flags = 0;
        for (const uapi::feature& row : uapi::features()) {
            if (((row.since == releases) || ...)) flags |= row.bit;
        }
        return flags;
    };
    CHECK(answer("6.0"sv, "6.1"sv, "6.3"sv, "6.4"sv, "6.5"sv) == 0xfe);
    CHECK(answer("6.0"sv, "6.1"sv, "6.3"sv, "6.4"sv, "6.5"sv, "6.6"sv, "6.13"sv) == 0x3fe);
    CHECK(answer("6.15"sv, "6.16"sv) == 0x3c01);
    CHECK(answer("6.17"sv) == 0x4000);
    CHECK(answer("7.0"sv) == 0x78000);
    CHECK(answer("7.1"sv) == 0x80000);
    CHECK(answer("7.3"sv) == 0x100000);
}

TEST_CASE("uapi: sets of bits show what is unknown") {
    CHECK(uapi::flags_text(0) == "none");
    CHECK(uapi::flags_text(uapi::f_user_copy | uapi::f_batch_io | 1ull << 40) ==
          "USER_COPY|BATCH_IO|bit 40");
    CHECK(uapi::flags_text(1ull << 63) == "bit 63");
    CHECK(uapi::io_flags_text(uapi::io_f_fua | 1u << 12 | 1) == "FUA|bit 12");
    CHECK(uapi::io_flags_text(18) == "none");
    CHECK(uapi::attrs_text(0x1c) == "VOLATILE_CACHE|FUA|bit 4");
    CHECK(uapi::param_types_text(0xff) ==
          "BASIC|DISCARD|DEVT|ZONED|DMA_ALIGN|SEGMENT|INTEGRITY|bit 7");
    CHECK(uapi::integrity_flags_text(7) == "INTEGRITY|REFTAG|bit 2");
    CHECK(uapi::batch_flags_text(0xf) == "HAS_ZONE_LBA|HAS_BUF_ADDR|AUTO_BUF_REG_FALLBACK|bit 3");
}

TEST_CASE("uapi: names") {
    CHECK(uapi::name(uapi::op::read) == "READ");
    CHECK(uapi::name(uapi::op::report_zones) == "REPORT_ZONES");
    CHECK(uapi::name(uapi::op_of(0x2002)) == "FLUSH");
    CHECK(uapi::name(uapi::device_state::live) == "LIVE");
    CHECK(uapi::name(uapi::device_state::fail_io) == "FAIL_IO");
    CHECK(uapi::name(ctrl_op{0x2a}) == "");
    CHECK(uapi::to_string(ctrl_op{0x2a}) == "control command 0x2a");
    CHECK(uapi::to_string(io_op{0x2a}) == "I/O command 0x2a");
    CHECK(uapi::to_string(uapi::op{0x2a}) == "operation 0x2a");
    CHECK(uapi::to_string(uapi::device_state{9}) == "state 0x9");
    CHECK(uapi::to_string(uapi::checksum{3}) == "checksum 0x3");
    CHECK(uapi::io_res_abort == -ENODEV);
}

TEST_CASE("uapi: sizes keep every byte") {
    CHECK(uapi::bytes_text(0) == "0 bytes");
    CHECK(uapi::bytes_text(1) == "1 byte");
    CHECK(uapi::bytes_text(4095) == "4095 bytes");
    CHECK(uapi::bytes_text(98304) == "96 KiB");
    CHECK(uapi::bytes_text(512 << 10) == "512 KiB");
    CHECK(uapi::bytes_text((1ull << 40) + (1 << 20)) == "1048577 MiB (about 1.0 TiB)");
    CHECK(uapi::bytes_text((1ull << 20) - 512) == "1048064 bytes (about 1023.5 KiB)");
    CHECK(uapi::bytes_text((1ull << 20) - 1) == "1048575 bytes (about 1.0 MiB)");
    CHECK(uapi::bytes_text(UINT64_MAX) == "18446744073709551615 bytes (about 16.0 EiB)");
    CHECK(uapi::sectors_text(0) == "0 sectors");
    CHECK(uapi::sectors_text(1) == "1 sector (512 bytes)");
    CHECK(uapi::sectors_text(2097152) == "2097152 sectors (1 GiB)");
    CHECK(uapi::sectors_text(1ull << 60) == "1152921504606846976 sectors (too many)");
}
