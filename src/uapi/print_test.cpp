// SPDX-License-Identifier: MIT
// The structs as a person reads them, word for word.
#include "uapi/print.hpp"

#include <doctest/doctest.h>

#include <cstdint>

namespace uapi = ashlar::uapi;
using uapi::ctrl_op;
using uapi::io_op;

TEST_CASE("uapi: a device info prints itself") {
    const uapi::ctrl_dev_info live{.nr_hw_queues = 4,
                                   .queue_depth = 128,
                                   .state = 1,
                                   .io_desc_size = 24,
                                   .max_io_buf_bytes = 512 << 10,
                                   .dev_id = 3,
                                   .ublksrv_pid = 4711,
                                   .flags = uapi::f_user_copy | uapi::f_batch_io,
                                   .owner_uid = 1000,
                                   .owner_gid = 100};
    CHECK(uapi::to_string(live) == "device 3: LIVE, 4 queues of depth 128, requests up to 512 KiB\n"
                                   "  flags: USER_COPY|BATCH_IO\n"
                                   "  server: pid 4711\n"
                                   "  owner: uid 1000, gid 100\n"
                                   "  descriptors: 24 bytes");

    const uapi::ctrl_dev_info odd{.nr_hw_queues = 1,
                                  .queue_depth = 1,
                                  .state = 7,
                                  .max_io_buf_bytes = 4096,
                                  .dev_id = uapi::device_id_auto,
                                  .ublksrv_pid = -1,
                                  .pad1 = 1,
                                  .flags = 1ull << 40,
                                  .ublksrv_flags = 5,
                                  .reserved2 = 0xff};
    CHECK(uapi::to_string(odd) ==
          "device automatic: state 0x7, 1 queue of depth 1, requests up to 4 KiB\n"
          "  flags: bit 40\n"
          "  server: none\n"
          "  owner: uid 0, gid 0\n"
          "  descriptors: 24 bytes (not said)\n"
          "  also: ublksrv_flags 0x5, pad1 0x1, reserved2 0xff");
}

TEST_CASE("uapi: a control command prints itself") {
    const uapi::ctrl_cmd add{.dev_id = uapi::device_id_auto, .len = 64, .addr = 0x7000};
    CHECK(uapi::to_string(add, ctrl_op::add_dev) ==
          "ADD_DEV: device automatic, 64 bytes at 0x7000");
    const uapi::ctrl_cmd three{.dev_id = 3};
    CHECK(uapi::to_string(three, ctrl_op::stop_dev) == "STOP_DEV: device 3");

    uapi::ctrl_cmd command{.dev_id = 3, .data = {4711}};
    CHECK(uapi::to_string(command) == "device 3, data 0x1267");
    CHECK(uapi::to_string(command, ctrl_op::start_dev) == "START_DEV: device 3, pid 4711");
    CHECK(uapi::to_string(command, ctrl_op::stop_dev) == "STOP_DEV: device 3, data 0x1267");
    command.data[0] = static_cast<std::uint64_t>(-1);
    CHECK(uapi::to_string(command, ctrl_op::end_user_recovery) ==
          "END_USER_RECOVERY: device 3, pid -1");
    command.data[0] = 2048;
    CHECK(uapi::to_string(command, ctrl_op::update_size) ==
          "UPDATE_SIZE: device 3, new size 2048 sectors (1 MiB)");
    CHECK(uapi::to_string(command, ctrl_op::quiesce_dev) ==
          "QUIESCE_DEV: device 3, timeout 2048 ms");
    command.data[0] = 0;
    CHECK(uapi::to_string(command, ctrl_op::quiesce_dev) ==
          "QUIESCE_DEV: device 3, timeout 0 (about 49 days)");
    CHECK(uapi::to_string(command, ctrl_op::unreg_buf) == "UNREG_BUF: device 3, buffer 0");

    const uapi::ctrl_cmd odd{.dev_id = 3,
                             .queue_id = 0,
                             .len = 20,
                             .addr = 0x7000,
                             .data = {1},
                             .dev_path_len = 12,
                             .pad = 2,
                             .reserved = 3};
    CHECK(uapi::to_string(odd, ctrl_op::get_queue_affinity) ==
          "GET_QUEUE_AFFINITY: device 3, queue 1, 20 bytes at 0x7000, path of 12 bytes, "
          "queue_id 0, pad 0x2, reserved 0x3");
    CHECK(uapi::to_string(odd, ctrl_op{0x77}) ==
          "control command 0x77: device 3, 20 bytes at 0x7000, path of 12 bytes, data 0x1, "
          "queue_id 0, pad 0x2, reserved 0x3");
}

TEST_CASE("uapi: parameters print the parts that are in force") {
    uapi::params all{.len = sizeof(uapi::params), .types = uapi::param_type_basic};
    all.basic = {.attrs = uapi::attr_volatile_cache | uapi::attr_fua,
                 .logical_bs_shift = 9,
                 .physical_bs_shift = 12,
                 .io_opt_shift = 16,
                 .io_min_shift = 12,
                 .max_sectors = 1024,
                 .dev_sectors = 2097152};
    all.discard = {.discard_granularity = 4096,
                   .max_discard_sectors = 2048,
                   .max_write_zeroes_sectors = 2048,
                   .max_discard_segments = 1};
    CHECK(uapi::to_string(all) == "params: BASIC\n"
                                  "  size: 2097152 sectors (1 GiB)\n"
                                  "  blocks: 512 bytes logical, 4 KiB physical\n"
                                  "  requests: minimum 4 KiB, optimal 64 KiB, "
                                  "maximum 1024 sectors (512 KiB)\n"
                                  "  attributes: VOLATILE_CACHE|FUA");
    all.len = 60;
    all.types = uapi::param_type_discard;
    CHECK(uapi::to_string(all) == "params: DISCARD, 60 of 152 bytes\n"
                                  "  discard: maximum 2048 sectors (1 MiB) in 1 segment, "
                                  "granularity 4 KiB, alignment 0 bytes\n"
                                  "  write zeroes: maximum 2048 sectors (1 MiB)");
}

TEST_CASE("uapi: parameters print their rarer parts, too") {
    uapi::params all{.len = 200,
                     .types = ~(uapi::param_type_basic | uapi::param_type_discard) & 0xff};
    all.devt = {.char_major = 240, .char_minor = 3, .disk_major = 259, .disk_minor = 1};
    all.zoned = {.max_open_zones = 14, .max_zone_append_sectors = 1024, .reserved = {1}};
    all.dma = {.alignment = 4095};
    all.seg = {.seg_boundary_mask = UINT64_MAX, .max_segment_size = 32768, .max_segments = 32};
    all.integrity = {.flags = uapi::integrity_flag_integrity,
                     .max_integrity_segments = 8,
                     .interval_exp = 12,
                     .metadata_size = 16,
                     .csum_type = static_cast<std::uint8_t>(uapi::checksum::crc64_nvme),
                     .tag_size = 1};
    all.hole = 0xab;
    CHECK(uapi::to_string(all) ==
          "params: DEVT|ZONED|DMA_ALIGN|SEGMENT|INTEGRITY|bit 7, 200 of 152 bytes\n"
          "  device numbers: char 240:3, disk 259:1\n"
          "  zones: maximum 14 open, 0 active, append 1024 sectors (512 KiB)\n"
          "  zones, reserved: 0100000000000000000000000000000000000000\n"
          "  DMA alignment mask: 0xfff (4 KiB)\n"
          "  segments: maximum 32 of 32 KiB, boundary mask 0xffffffffffffffff (2^64 bytes)\n"
          "  integrity: 16 bytes of metadata per 4 KiB, checksum CRC64_NVME, flags INTEGRITY\n"
          "  integrity: tuple at byte 0, tag of 1 byte, maximum 8 segments\n"
          "  hole: 0xab");
}

TEST_CASE("uapi: a request prints itself") {
    CHECK(uapi::to_string(uapi::io_desc{.op_flags = 1 | uapi::io_f_fua,
                                        .nr_sectors = 8,
                                        .start_sector = 2048,
                                        .addr = 0x7000}) ==
          "WRITE of 8 sectors (4 KiB) at 2048 sectors (1 MiB), flags FUA, addr 0x7000");
    CHECK(uapi::to_string(uapi::io_desc{.op_flags = 0, .nr_sectors = 1}) ==
          "READ of 1 sector (512 bytes) at 0 sectors");
    CHECK(uapi::to_string(uapi::io_desc{.op_flags = 2}) == "FLUSH");
    CHECK(uapi::to_string(uapi::io_desc{.op_flags = 15, .start_sector = 2048}) ==
          "ZONE_RESET at 2048 sectors (1 MiB)");
    CHECK(uapi::to_string(uapi::io_desc{.op_flags = 18, .nr_sectors = 16}) ==
          "REPORT_ZONES of 16 zones, first at 0 sectors");
    CHECK(uapi::to_string(uapi::io_desc{.op_flags = 77 | 1u << 12, .nr_sectors = 8}) ==
          "operation 0x4d of 8 sectors (4 KiB) at 0 sectors, flags bit 12");
    CHECK(uapi::to_string(uapi::io_desc{
              .op_flags = uapi::io_f_shmem_zc, .nr_sectors = 8, .addr = 0x300001000}) ==
          "READ of 8 sectors (4 KiB) at 0 sectors, flags SHMEM_ZC, shared buffer 3 offset 0x1000");
}

TEST_CASE("uapi: an I/O command prints itself") {
    const uapi::io_cmd failed{.q_id = 1, .tag = 5, .result = -5, .addr = 0x7000};
    CHECK(uapi::to_string(failed) == "queue 1, tag 5, result -5 (EIO), addr 0x7000");
    CHECK(uapi::to_string(failed, io_op::commit_and_fetch_req) ==
          "COMMIT_AND_FETCH_REQ: queue 1, tag 5, result -5 (EIO), addr 0x7000");
    CHECK(uapi::to_string(failed, io_op::fetch_req) ==
          "FETCH_REQ: queue 1, tag 5, buffer at 0x7000, result -5 (EIO)");
    CHECK(uapi::to_string(uapi::io_cmd{.tag = 2}, io_op::fetch_req) ==
          "FETCH_REQ: queue 0, tag 2, no buffer");
    CHECK(uapi::to_string(uapi::io_cmd{.tag = 2, .addr = 9}, io_op::register_io_buf) ==
          "REGISTER_IO_BUF: queue 0, tag 2, buffer index 9");
    CHECK(uapi::to_string(uapi::io_cmd{.result = INT32_MIN}) ==
          "queue 0, tag 0, result -2147483648 (errno -2147483648), addr 0x0");
}

TEST_CASE("uapi: batches and buffers print themselves") {
    CHECK(uapi::to_string(uapi::batch_io{
              .q_id = 1, .flags = uapi::batch_f_has_buf_addr, .nr_elem = 4, .elem_bytes = 16}) ==
          "queue 1, 4 elements of 16 bytes, flags HAS_BUF_ADDR");
    CHECK(uapi::to_string(uapi::batch_io{.nr_elem = 1, .reserved = 1, .reserved2 = 2}) ==
          "queue 0, 1 element of 0 bytes, flags none, reserved 0x1, reserved2 0x2");
    CHECK(uapi::to_string(uapi::elem_header{.tag = 3, .buf_index = 4, .result = 4096}) ==
          "tag 3, buffer index 4, result 4096");
    CHECK(uapi::to_string(uapi::auto_buf_reg_of(0x5030007)) ==
          "buffer index 7, with fallback, unknown flags 0x2, reserved0 0x5");
    CHECK(uapi::to_string(uapi::shmem_buf_reg{.addr = 0x200000, .len = 2 << 20, .flags = 1}) ==
          "2 MiB at 0x200000, read only");
    CHECK(uapi::to_string(uapi::shmem_buf_reg{.addr = 0x1000, .len = 4096, .flags = 2}) ==
          "4 KiB at 0x1000, read and write, unknown flags 0x2");
}
