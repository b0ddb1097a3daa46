// SPDX-License-Identifier: MIT
// ADD_DEV.
#include "enumerated.hpp"

#include <fmt/format.h>

namespace agree {

namespace {

using info = uapi::ctrl_dev_info;

template <class F>
step adds(const F& change, std::string rule, std::string outcome, unsigned from = 0,
          unsigned before = 9999) {
    return add_with(change).meets(std::move(rule), std::move(outcome), from, before);
}

template <class F>
step add_step(const F& change, std::string rule, std::string outcome, unsigned from = 0,
              unsigned before = 9999) {
    return changed(add(), change).meets(std::move(rule), std::move(outcome), from, before);
}

std::string flags_name(std::uint64_t flags) { return fmt::format("{:#x}", flags); }

sequences shapes() {
    return {
        make("add.fine", add_step([](step&) {}, "ADD-0", "0"), get_info(), get_params()),
        make("add.short", add_step([](step& s) { s.header_len = 63; }, "ADD-1", "-EINVAL")),
        make("add.long", add_step([](step& s) { s.header_len = 65; }, "ADD-0", "0")),
        make("add.null", add_step([](step& s) { s.at = place::none; }, "ADD-1", "-EINVAL")),
        make("add.queue-id", add_step([](step& s) { s.queue_id = 0; }, "ADD-2", "-EINVAL")),
        make("add.bad-address", add_step([](step& s) { s.at = place::bad; }, "ADD-3", "-EFAULT")),
        make("add.depth-0", adds([](info& i) { i.queue_depth = 0; }, "ADD-4", "-EINVAL")),
        make("add.depth-4096", adds([](info& i) { i.queue_depth = 4096; }, "ADD-0", "0")),
        make("add.depth-4097", adds([](info& i) { i.queue_depth = 4097; }, "ADD-4", "-EINVAL")),
        make("add.queues-0", adds([](info& i) { i.nr_hw_queues = 0; }, "ADD-4", "-EINVAL")),
        make("add.queues-4096", adds([](info& i) { i.nr_hw_queues = 4096; }, "ADD-19", "0"),
             get_info()),
        make("add.queues-4097", adds([](info& i) { i.nr_hw_queues = 4097; }, "ADD-4", "-EINVAL")),
        make("add.bare-without-flag", by(add(), p_bare).meets("ADD-5", "-EPERM")),
        make("add.capable-with-flag",
             add(shape{.flags = uapi::f_unprivileged_dev}).meets("ADD-5", "0"), get_info()),
        make("add.owner",
             adds(
                 [](info& i) {
                     i.owner_uid = 55;
                     i.owner_gid = 66;
                 },
                 "ADD-11", "0"),
             get_info()),
        make("add.ids-differ", add_step([](step& s) { s.dev_id = 3; }, "ADD-12", "-EINVAL")),
        make("add.id-5", changed(add_with([](info& i) { i.dev_id = 5; }), [](step&) {}),
             add(shape{}, 1), get_info(), get_info(1)),
        make("add.id-max", adds([](info& i) { i.dev_id = (1u << 20) - 1; }, "ADD-13", "0", 604)),
        make("add.id-2-20", adds([](info& i) { i.dev_id = 1u << 20; }, "ADD-13", "-EINVAL", 604)),
        make("add.id-2-31", adds([](info& i) { i.dev_id = 1u << 31; }, "ADD-13", "-EINVAL", 604)),
        make("add.id-minus-2",
             adds([](info& i) { i.dev_id = 0xfffffffe; }, "ADD-13", "-EINVAL", 604)),
        make("add.id-taken", add(), adds([](info& i) { i.dev_id = 0; }, "ADD-17", "-EEXIST")),
        make("add.id-deleted-but-held", added(), open_char(),
             changed(command(uapi::ctrl_op::del_dev_async), [](step&) {}),
             changed(add_with([](info& i) { i.dev_id = 0; }), [](step& s) { s.dev = 1; })
                 .meets("ADD-17", "-EEXIST", 609),
             close_char(),
             changed(add_with([](info& i) { i.dev_id = 0; }), [](step& s) { s.dev = 2; })
                 .meets("ADD-0", "0", 609)),
        make("add.three", add(), add(shape{}, 1), add(shape{}, 2),
             command(uapi::ctrl_op::del_dev, 1), add(shape{}, 1)),
        make("add.state-kept-off",
             adds(
                 [](info& i) {
                     i.state = 1;
                     i.ublksrv_pid = 77;
                     i.pad1 = 5;
                     i.ublksrv_flags = 0x1234;
                     i.reserved1 = 9;
                     i.reserved2 = 8;
                 },
                 "ADD-0", "0"),
             get_info(), command(uapi::ctrl_op::stop_dev)),
        make("add.max-io-rounded",
             adds([](info& i) { i.max_io_buf_bytes = 65536 + 4095; }, "ADD-0", "0"), get_info()),
        make("add.max-io-0", adds([](info& i) { i.max_io_buf_bytes = 4095; }, "ADD-19", "0"),
             set_params(good_params())),
        make("add.max-io-huge",
             adds([](info& i) { i.max_io_buf_bytes = 0xffffffff; }, "ADD-0", "0"), get_info()),
        make("add.desc-size-without-flag", adds([](info& i) { i.io_desc_size = 64; }, "ADD-0", "0"),
             get_info()),
        make("add.pads", add_step(
                             [](step& s) {
                                 s.data0 = ~0ull;
                                 s.path_len = 3;
                                 s.header_len = 64;
                             },
                             "ADD-0", "0")),
    };
}

sequences flag_rules() {
    using namespace uapi;
    sequences all;
    const auto one = [&](std::uint64_t flags, std::string rule, std::string outcome,
                         unsigned from = 0, unsigned before = 9999) {
        all.push_back(make(
            "add.flags-" + flags_name(flags),
            add(shape{.flags = flags}).meets(std::move(rule), std::move(outcome), from, before),
            get_info()));
    };
    for (unsigned bit = 0; bit < 24; ++bit) {
        step one_flag = add(shape{.flags = 1ull << bit});
        if (1ull << bit == f_batch_io) {
            one_flag.expected.push_back({"ADD-19", "-EINVAL", 700});
        }
        all.push_back(make("add.flag-bit-" + std::to_string(bit), one_flag, get_info()));
    }
    all.push_back(make("add.flag-bit-63", add(shape{.flags = 1ull << 63}), get_info()));
    one(f_user_recovery | f_user_recovery_reissue, "ADD-6", "0");
    one(f_user_recovery_reissue, "ADD-6", "-EINVAL", 613);
    one(f_user_recovery | f_user_recovery_fail_io, "ADD-6", "0");
    one(f_user_recovery_fail_io, "ADD-6", "-EINVAL", 613);
    one(f_user_recovery | f_user_recovery_reissue | f_user_recovery_fail_io, "ADD-6", "-EINVAL",
        613);
    one(f_quiesce, "ADD-7", "-EINVAL", 616);
    one(f_quiesce | f_user_recovery, "ADD-7", "0");
    one(f_integrity, "ADD-9", "-EINVAL", 700);
    one(f_integrity | f_user_copy, "ADD-9", "0");
    one(f_zoned, "ADD-18", "-EINVAL");
    one(f_zoned | f_user_copy, "ADD-18", "0");
    one(f_zoned | f_supp_zero_copy, "ADD-18", "0", 615);
    one(f_zoned | f_auto_buf_reg, "ADD-18", "-EINVAL");
    one(f_need_get_data | f_user_copy, "ADD-0", "0");
    one(f_need_get_data | f_supp_zero_copy, "ADD-0", "0");
    one(f_need_get_data | f_auto_buf_reg, "ADD-0", "0");
    one(f_need_get_data | f_batch_io, "ADD-19", "-EINVAL", 700);  // a depth of 1
    one(f_batch_io | f_per_io_daemon, "ADD-19", "-EINVAL", 700);
    one(~0ull, "ADD-6", "-EINVAL", 613);
    for (const unsigned size : {0U, 16U, 23U, 24U, 28U, 32U, 64U, 256U, 264U}) {
        const bool fine = size >= 24 && size % 8 == 0 && size <= 256;
        all.push_back(make("add.desc-size-" + std::to_string(size),
                           add_with([&](info& i) {
                               i.io_desc_size = static_cast<std::uint16_t>(size);
                               i.flags = f_io_desc_size;
                           }).meets("ADD-10", fine ? "0" : "-EINVAL", 703),
                           get_info()));
    }
    const std::uint64_t u = f_unprivileged_dev;
    for (std::uint64_t with :
         {u, u | f_user_recovery, u | f_user_recovery | f_user_recovery_reissue,
          u | f_user_recovery | f_user_recovery_fail_io, u | f_user_copy, u | f_supp_zero_copy,
          u | f_auto_buf_reg, u | f_batch_io, u | f_shmem_zc, u | f_quiesce | f_user_recovery,
          u | f_zoned, u | f_need_get_data, u | f_no_auto_part_scan}) {
        const bool refused = (with & (f_user_copy | f_supp_zero_copy | f_auto_buf_reg)) != 0;
        step s = by(add(shape{.flags = with}), p_bare);
        if (with == (u | f_user_copy)) s.expected = {{"ADD-8", "-EINVAL", 605}};
        else if (refused) s.expected = {{"ADD-8", "-EINVAL", 616}};
        all.push_back(make("add.unprivileged-" + flags_name(with), s,
                           changed(get_info2("/dev/ublkc0"), [](step&) {})));
    }
    return all;
}

}  // namespace

sequences add_sequences() {
    sequences all = shapes();
    for (sequence& s : flag_rules()) all.push_back(std::move(s));
    return all;
}

}  // namespace agree
