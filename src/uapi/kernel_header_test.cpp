// SPDX-License-Identifier: MIT
// Our words against the header of the system this is built on. Debian 12 has the one of Linux 6.1;
// what only a newer header has is compared as soon as the system has it.
#include "uapi/ublk.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstddef>
#include <linux/fs.h>
#include <linux/ublk_cmd.h>

namespace uapi = ashlar::uapi;

#define SAME_SIZE(ours, theirs) static_assert(sizeof(uapi::ours) == sizeof(struct theirs))
#define SAME_PLACE(ours, theirs, field)                                           \
    static_assert(offsetof(uapi::ours, field) == offsetof(struct theirs, field)); \
    static_assert(sizeof(uapi::ours::field) == sizeof(theirs::field))

SAME_SIZE(ctrl_cmd, ublksrv_ctrl_cmd);
SAME_PLACE(ctrl_cmd, ublksrv_ctrl_cmd, dev_id);
SAME_PLACE(ctrl_cmd, ublksrv_ctrl_cmd, queue_id);
SAME_PLACE(ctrl_cmd, ublksrv_ctrl_cmd, len);
SAME_PLACE(ctrl_cmd, ublksrv_ctrl_cmd, addr);
static_assert(offsetof(uapi::ctrl_cmd, data) == offsetof(struct ublksrv_ctrl_cmd, data));

SAME_SIZE(ctrl_dev_info, ublksrv_ctrl_dev_info);
SAME_PLACE(ctrl_dev_info, ublksrv_ctrl_dev_info, nr_hw_queues);
SAME_PLACE(ctrl_dev_info, ublksrv_ctrl_dev_info, queue_depth);
SAME_PLACE(ctrl_dev_info, ublksrv_ctrl_dev_info, state);
SAME_PLACE(ctrl_dev_info, ublksrv_ctrl_dev_info, max_io_buf_bytes);
SAME_PLACE(ctrl_dev_info, ublksrv_ctrl_dev_info, dev_id);
SAME_PLACE(ctrl_dev_info, ublksrv_ctrl_dev_info, ublksrv_pid);
SAME_PLACE(ctrl_dev_info, ublksrv_ctrl_dev_info, flags);
SAME_PLACE(ctrl_dev_info, ublksrv_ctrl_dev_info, ublksrv_flags);

SAME_SIZE(io_desc, ublksrv_io_desc);
SAME_PLACE(io_desc, ublksrv_io_desc, op_flags);
SAME_PLACE(io_desc, ublksrv_io_desc, nr_sectors);
SAME_PLACE(io_desc, ublksrv_io_desc, start_sector);
SAME_PLACE(io_desc, ublksrv_io_desc, addr);

SAME_SIZE(io_cmd, ublksrv_io_cmd);
SAME_PLACE(io_cmd, ublksrv_io_cmd, q_id);
SAME_PLACE(io_cmd, ublksrv_io_cmd, tag);
SAME_PLACE(io_cmd, ublksrv_io_cmd, result);
SAME_PLACE(io_cmd, ublksrv_io_cmd, addr);

SAME_SIZE(param_basic, ublk_param_basic);
SAME_PLACE(param_basic, ublk_param_basic, attrs);
SAME_PLACE(param_basic, ublk_param_basic, logical_bs_shift);
SAME_PLACE(param_basic, ublk_param_basic, physical_bs_shift);
SAME_PLACE(param_basic, ublk_param_basic, io_opt_shift);
SAME_PLACE(param_basic, ublk_param_basic, io_min_shift);
SAME_PLACE(param_basic, ublk_param_basic, max_sectors);
SAME_PLACE(param_basic, ublk_param_basic, chunk_sectors);
SAME_PLACE(param_basic, ublk_param_basic, dev_sectors);
SAME_PLACE(param_basic, ublk_param_basic, virt_boundary_mask);

SAME_SIZE(param_discard, ublk_param_discard);
SAME_PLACE(param_discard, ublk_param_discard, discard_alignment);
SAME_PLACE(param_discard, ublk_param_discard, discard_granularity);
SAME_PLACE(param_discard, ublk_param_discard, max_discard_sectors);
SAME_PLACE(param_discard, ublk_param_discard, max_write_zeroes_sectors);
SAME_PLACE(param_discard, ublk_param_discard, max_discard_segments);

// The struct itself grew with each part, so only the parts' places are the same everywhere.
SAME_PLACE(params, ublk_params, len);
SAME_PLACE(params, ublk_params, types);
SAME_PLACE(params, ublk_params, basic);
SAME_PLACE(params, ublk_params, discard);

TEST_CASE("uapi: raw command numbers are the system header's") {
    using uapi::ctrl_op;
    using uapi::io_op;
    CHECK(uapi::raw(ctrl_op::get_queue_affinity) == UBLK_CMD_GET_QUEUE_AFFINITY);
    CHECK(uapi::raw(ctrl_op::get_dev_info) == UBLK_CMD_GET_DEV_INFO);
    CHECK(uapi::raw(ctrl_op::add_dev) == UBLK_CMD_ADD_DEV);
    CHECK(uapi::raw(ctrl_op::del_dev) == UBLK_CMD_DEL_DEV);
    CHECK(uapi::raw(ctrl_op::start_dev) == UBLK_CMD_START_DEV);
    CHECK(uapi::raw(ctrl_op::stop_dev) == UBLK_CMD_STOP_DEV);
    CHECK(uapi::raw(ctrl_op::set_params) == UBLK_CMD_SET_PARAMS);
    CHECK(uapi::raw(ctrl_op::get_params) == UBLK_CMD_GET_PARAMS);
    CHECK(uapi::raw(ctrl_op::start_user_recovery) == UBLK_CMD_START_USER_RECOVERY);
    CHECK(uapi::raw(ctrl_op::end_user_recovery) == UBLK_CMD_END_USER_RECOVERY);
    CHECK(uapi::raw(io_op::fetch_req) == UBLK_IO_FETCH_REQ);
    CHECK(uapi::raw(io_op::commit_and_fetch_req) == UBLK_IO_COMMIT_AND_FETCH_REQ);
    CHECK(uapi::raw(io_op::need_get_data) == UBLK_IO_NEED_GET_DATA);
}

TEST_CASE("uapi: results, limits and states are the system header's") {
    CHECK(uapi::io_res_ok == UBLK_IO_RES_OK);
    CHECK(uapi::io_res_need_get_data == UBLK_IO_RES_NEED_GET_DATA);
    CHECK(uapi::io_res_abort == UBLK_IO_RES_ABORT);
    CHECK(uapi::user_copy_base == UBLKSRV_IO_BUF_OFFSET);
    CHECK(uapi::queue_depth_max == UBLK_MAX_QUEUE_DEPTH);
    CHECK(static_cast<int>(uapi::device_state::dead) == UBLK_S_DEV_DEAD);
    CHECK(static_cast<int>(uapi::device_state::live) == UBLK_S_DEV_LIVE);
    CHECK(static_cast<int>(uapi::device_state::quiesced) == UBLK_S_DEV_QUIESCED);
}

TEST_CASE("uapi: flags and operations are the system header's") {
    CHECK(uapi::f_supp_zero_copy == UBLK_F_SUPPORT_ZERO_COPY);
    CHECK(uapi::f_uring_cmd_comp_in_task == UBLK_F_URING_CMD_COMP_IN_TASK);
    CHECK(uapi::f_need_get_data == UBLK_F_NEED_GET_DATA);
    CHECK(uapi::f_user_recovery == UBLK_F_USER_RECOVERY);
    CHECK(uapi::f_user_recovery_reissue == UBLK_F_USER_RECOVERY_REISSUE);

    CHECK(static_cast<int>(uapi::op::read) == UBLK_IO_OP_READ);
    CHECK(static_cast<int>(uapi::op::write) == UBLK_IO_OP_WRITE);
    CHECK(static_cast<int>(uapi::op::flush) == UBLK_IO_OP_FLUSH);
    CHECK(static_cast<int>(uapi::op::discard) == UBLK_IO_OP_DISCARD);
    CHECK(static_cast<int>(uapi::op::write_same) == UBLK_IO_OP_WRITE_SAME);
    CHECK(static_cast<int>(uapi::op::write_zeroes) == UBLK_IO_OP_WRITE_ZEROES);

    CHECK(uapi::io_f_failfast_dev == UBLK_IO_F_FAILFAST_DEV);
    CHECK(uapi::io_f_failfast_transport == UBLK_IO_F_FAILFAST_TRANSPORT);
    CHECK(uapi::io_f_failfast_driver == UBLK_IO_F_FAILFAST_DRIVER);
    CHECK(uapi::io_f_meta == UBLK_IO_F_META);
    CHECK(uapi::io_f_fua == UBLK_IO_F_FUA);
    CHECK(uapi::io_f_nounmap == UBLK_IO_F_NOUNMAP);
    CHECK(uapi::io_f_swap == UBLK_IO_F_SWAP);

    CHECK(uapi::attr_read_only == UBLK_ATTR_READ_ONLY);
    CHECK(uapi::attr_rotational == UBLK_ATTR_ROTATIONAL);
    CHECK(uapi::attr_volatile_cache == UBLK_ATTR_VOLATILE_CACHE);
    CHECK(uapi::attr_fua == UBLK_ATTR_FUA);
    CHECK(uapi::param_type_basic == UBLK_PARAM_TYPE_BASIC);
    CHECK(uapi::param_type_discard == UBLK_PARAM_TYPE_DISCARD);
}

// The rest is newer than Linux 6.1.

#ifdef UBLK_U_CMD_GET_FEATURES
TEST_CASE("uapi: encoded numbers are the system header's") {
    using uapi::ctrl_op;
    CHECK(uapi::encoded(ctrl_op::get_queue_affinity) == UBLK_U_CMD_GET_QUEUE_AFFINITY);
    CHECK(uapi::encoded(ctrl_op::add_dev) == UBLK_U_CMD_ADD_DEV);
    CHECK(uapi::encoded(ctrl_op::get_params) == UBLK_U_CMD_GET_PARAMS);
    CHECK(uapi::encoded(ctrl_op::get_features) == UBLK_U_CMD_GET_FEATURES);
    CHECK(uapi::encoded(uapi::io_op::fetch_req) == UBLK_U_IO_FETCH_REQ);
    CHECK(uapi::f_user_copy == UBLK_F_USER_COPY);
    CHECK(uapi::io_buf_bits == UBLK_IO_BUF_BITS);
    CHECK(uapi::tag_bits == UBLK_TAG_BITS);
    CHECK(uapi::queue_id_bits == UBLK_QID_BITS);
}
SAME_PLACE(ctrl_cmd, ublksrv_ctrl_cmd, dev_path_len);
SAME_PLACE(ctrl_dev_info, ublksrv_ctrl_dev_info, owner_uid);
SAME_PLACE(ctrl_dev_info, ublksrv_ctrl_dev_info, owner_gid);
SAME_PLACE(params, ublk_params, devt);
#endif

#ifdef UBLK_F_ZONED
SAME_SIZE(param_zoned, ublk_param_zoned);
SAME_PLACE(params, ublk_params, zoned);
static_assert(static_cast<int>(uapi::op::report_zones) == UBLK_IO_OP_REPORT_ZONES);
#endif

#ifdef UBLK_U_CMD_DEL_DEV_ASYNC
static_assert(uapi::encoded(uapi::ctrl_op::del_dev_async) == UBLK_U_CMD_DEL_DEV_ASYNC);
#endif

#ifdef UBLK_PARAM_TYPE_SEGMENT
SAME_PLACE(params, ublk_params, dma);
SAME_PLACE(params, ublk_params, seg);
#endif

#ifdef UBLK_F_BATCH_IO
SAME_SIZE(batch_io, ublk_batch_io);
SAME_SIZE(elem_header, ublk_elem_header);
static_assert(uapi::encoded(uapi::io_op::fetch_io_cmds) == UBLK_U_IO_FETCH_IO_CMDS);
#endif

#ifdef UBLK_F_INTEGRITY
SAME_PLACE(params, ublk_params, integrity);
static_assert(uapi::user_copy_integrity == UBLKSRV_IO_INTEGRITY_FLAG);
#endif

#ifdef LBMD_PI_CSUM_CRC64_NVME
static_assert(uapi::integrity_flag_reftag == LBMD_PI_CAP_REFTAG);
static_assert(static_cast<int>(uapi::checksum::crc64_nvme) == LBMD_PI_CSUM_CRC64_NVME);
#endif

#ifdef UBLK_F_IO_DESC_SIZE
static_assert(uapi::f_io_desc_size == UBLK_F_IO_DESC_SIZE);
SAME_PLACE(ctrl_dev_info, ublksrv_ctrl_dev_info, io_desc_size);
#endif
