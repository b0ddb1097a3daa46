// SPDX-License-Identifier: MIT
#include "random_sequences.hpp"

#include <fmt/format.h>

#include <fcntl.h>

namespace agree {

namespace {

using uapi::ctrl_op;
using uapi::io_op;

class dice {
public:
    explicit dice(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {  // splitmix64
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    std::uint64_t below(std::uint64_t n) { return next() % n; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    template <class T>
    T pick(std::initializer_list<T> of) {
        return of.begin()[below(of.size())];
    }

private:
    std::uint64_t state_;
};

struct plan {
    dice d;
    unsigned version;
    shape of;
    steps all = {};
    bool io = false;  // one queue of one tag: which one a request gets is then no question
};

std::uint64_t some_flags(plan& p) {
    std::uint64_t flags = p.d.pick<std::uint64_t>({0, 0, 0, uapi::f_user_copy, uapi::f_user_copy,
                                                   uapi::f_need_get_data, uapi::f_supp_zero_copy,
                                                   uapi::f_auto_buf_reg, uapi::f_shmem_zc});
    flags |= p.d.pick<std::uint64_t>({0, 0, 0, uapi::f_user_recovery,
                                      uapi::f_user_recovery | uapi::f_user_recovery_reissue,
                                      uapi::f_user_recovery | uapi::f_user_recovery_fail_io,
                                      uapi::f_user_recovery | uapi::f_quiesce});
    if (p.d.one_in(4)) flags |= uapi::f_no_auto_part_scan;
    if (p.d.one_in(12)) flags |= 1ull << p.d.below(22);
    // A ring that ends with a request committed and registered wedges 7.3.
    if ((flags & uapi::f_auto_buf_reg) != 0) flags &= ~uapi::f_supp_zero_copy;
    // Several tags of a batch come in any order and number.
    return flags & ~(uapi::f_batch_io | uapi::f_zoned | uapi::f_unprivileged_dev);
}

std::uint64_t odd_number(plan& p) {
    return p.d.pick<std::uint64_t>({0, 1, 2, 7, 8, 24, 63, 64, 65, 512, 4095, 4096, 4097, 65535,
                                    0xffffffff, 1ull << 31, 1ull << 32, ~0ull});
}

step odd_control(plan& p) {
    step s =
        command(p.d.pick({ctrl_op::get_queue_affinity, ctrl_op::get_dev_info, ctrl_op::set_params,
                          ctrl_op::get_params, ctrl_op::start_user_recovery, ctrl_op::get_dev_info2,
                          ctrl_op::get_features, ctrl_op::update_size, ctrl_op::quiesce_dev,
                          ctrl_op::try_stop_dev, ctrl_op::unreg_buf}),
                p.d.one_in(8) ? 1 : 0);
    s.process = p_other;
    s.thread = 1;
    s.data0 = p.d.one_in(2) ? p.d.below(4) : odd_number(p);
    // A wait of the kernel's is not for ever.
    if (uapi::decode(s.command).nr == uapi::raw(ctrl_op::quiesce_dev)) s.data0 = 20;
    s.header_len = static_cast<std::uint16_t>(odd_number(p));
    s.at = p.d.pick({place::none, place::bad, place::payload, place::payload});
    s.payload = std::vector<std::byte>(64);
    if (s.at == place::payload) s.header_len = std::min<std::uint16_t>(s.header_len, 4096);
    if (p.d.one_in(4)) s.path = p.d.pick<const char*>({"/dev/ublkc0", "/dev/ublkc1", "/dev/null"});
    return s;
}

step odd_io(plan& p) {
    step s = io(p.d.pick({io_op::fetch_req, io_op::commit_and_fetch_req, io_op::need_get_data,
                          io_op::register_io_buf, io_op::unregister_io_buf, io_op::commit_io_cmds}),
                static_cast<std::uint16_t>(p.d.below(3)), static_cast<std::uint16_t>(p.d.below(3)));
    s.thread = p.d.one_in(4) ? 1 : 0;
    // 6.15 and 6.16 lose a FETCH without a buffer.
    s.at = p.d.pick({place::none, place::buffer, place::buffer});
    s.result = static_cast<std::int32_t>(p.d.pick({0, 4096, -5, 512, 8192}));
    if (p.d.one_in(10)) s.command = static_cast<std::uint32_t>(0xc0107500 | p.d.below(64));
    if (p.d.one_in(10)) s.entry_addr = odd_number(p);
    return s;
}

step odd_file(plan& p) {
    switch (p.d.below(5)) {
        case 0: return open_char();
        case 1: {
            step s = map_queue(p.of, static_cast<std::uint16_t>(p.d.below(3)));
            if (p.d.one_in(2)) s.length = p.d.pick<std::uint64_t>({1, 4096, 8192, 98304});
            s.flags = p.d.pick<std::uint32_t>({1, 1, 1, 2, 3});
            return s;
        }
        case 2: {
            step s = call(p.d.one_in(2) ? op::pread : op::pwrite);
            s.position = uapi::user_copy_position(static_cast<std::uint16_t>(p.d.below(2)),
                                                  static_cast<std::uint16_t>(p.d.below(2)),
                                                  static_cast<std::uint32_t>(p.d.below(3) * 2048));
            if (p.d.one_in(6)) s.position = odd_number(p);
            s.length = p.d.pick<std::uint64_t>({512, 4096, 8192});
            return s;
        }
        case 3: return by(open_char(), p_other, 1);
        default: return get_params();
    }
}

step odd(plan& p) {
    switch (p.d.below(4)) {
        case 0: return odd_io(p);
        case 1: return odd_file(p);
        default: return odd_control(p);
    }
}

// An ordinary step with something wrong about it.
step spoiled(plan& p, step s) {
    if (s.what != op::submit) return s;
    const auto nr = uapi::decode(s.command).nr;
    switch (p.d.below(s.control ? 9 : 6)) {
        case 0: s.pad1 = 1; break;
        case 1: s.ioprio = 1; break;
        case 2: s.command &= 0xff; break;
        case 3: s.command ^= 1u << p.d.below(16); break;
        case 4:
            if (s.control) s.queue_id = static_cast<std::uint16_t>(p.d.below(2));
            else s.tag = static_cast<std::uint16_t>(p.d.below(4));
            break;
        case 5:
            if (s.control)
                s.dev_id =
                    static_cast<std::uint32_t>(p.d.pick<std::uint64_t>({0, 1, 5, 0xffffffff}));
            else s.queue = static_cast<std::uint16_t>(p.d.below(4));
            break;
        case 6:
            s.header_len = static_cast<std::uint16_t>(std::min<std::uint64_t>(odd_number(p), 4096));
            break;
        case 7: s.at = p.d.pick({place::none, place::bad}); break;
        default:
            if (!s.payload.empty() && nr != uapi::raw(ctrl_op::reg_buf)) {
                s.payload[p.d.below(s.payload.size())] = static_cast<std::byte>(p.d.below(256));
            }
            break;
    }
    // A command must not turn into one that this generator keeps away from.
    const auto became = uapi::decode(s.command).nr;
    if (became != nr) s.command = uapi::encode({uapi::ioc_direction::read, 32, 'u', 0x3e});
    return s;
}

void put(plan& p, step s, bool may_spoil = true) {
    if (p.d.one_in(12)) p.all.push_back(odd(p));
    if (may_spoil && p.d.one_in(14)) {
        p.all.push_back(spoiled(p, s));
        if (p.d.one_in(3)) return;
    }
    p.all.push_back(s);
    if (p.d.one_in(20)) p.all.push_back(std::move(s));
}

void requests(plan& p) {
    const unsigned rounds = static_cast<unsigned>(p.d.below(4));
    if (rounds != 0) p.all.push_back(disk_open(O_RDWR));
    for (unsigned i = 0; i < rounds; ++i) {
        const bool write = p.d.one_in(2);
        p.all.push_back(disk(write ? op::disk_write : op::disk_read, p.d.below(8) * 4096, 4096));
        if (p.d.one_in(3)) p.all.push_back(odd(p));
        if (write && (p.of.flags & uapi::f_need_get_data) != 0) {
            step s = fetch(p.of);
            s.command = uapi::encoded(io_op::need_get_data);
            p.all.push_back(s);
        }
        // The last word is always a legal one: nothing stays in hand.
        if (p.d.one_in(3)) p.all.push_back(spoiled(p, commit(p.of, 4096)));
        p.all.push_back(commit(p.of, p.d.one_in(5) ? -5 : 4096));
        if (p.d.one_in(8)) p.all.push_back(commit(p.of, 4096));
    }
}

void ending(plan& p) {
    const step stop = by(command(ctrl_op::stop_dev), p_other, 2);
    const step del = by(command(ctrl_op::del_dev), p_other, 2);
    switch (p.d.below(6)) {
        case 0: put(p, stop, false); break;
        case 1:
            put(p, stop, false);
            put(p, unmap_queue());
            put(p, close_char());
            put(p, del);
            break;
        case 2: put(p, del); break;
        case 3:
            // Until 6.14 a death with a request in hand is noticed late.
            p.all.push_back(by(call(op::kill), p_server));
            p.all.push_back(by(get_info(), p_other, 2));
            if ((p.of.flags & uapi::f_user_recovery) != 0 && p.io) {
                put(p, by(command(ctrl_op::start_user_recovery), p_other, 2), false);
                for (const step& s : taken_over(p.of)) p.all.push_back(s);
            }
            break;
        case 4: put(p, by(get_info(), p_other, 2)); break;
        default: break;
    }
    for (std::uint64_t n = p.d.below(3); n != 0; --n) p.all.push_back(odd_control(p));
}

}  // namespace

sequence random_sequence(std::uint64_t seed, std::uint64_t number, unsigned version) {
    dice first(seed * 0x2545f4914f6cdd1d + number);
    plan p{.d = dice(first.next()), .version = version, .of = {}};
    p.io = !p.d.one_in(4);
    p.of.flags = some_flags(p);
    if (!p.io) {
        p.of.queues = static_cast<std::uint16_t>(1 + p.d.below(2));
        p.of.depth = static_cast<std::uint16_t>(1 + p.d.below(3));
    }
    put(p, add(p.of));
    put(p, set_params(good_params(p.of)));
    if (p.d.one_in(10)) p.all.push_back(spoiled(p, set_params(good_params(p.of))));
    put(p, open_char());
    for (const step& s : fetched(p.of)) {
        const bool setup = s.control || s.what == op::open;
        if (!setup && !(p.d.one_in(30) && s.what != op::table)) put(p, s);
    }
    if (!p.d.one_in(6)) {
        p.all.push_back(start());
        if (p.io) requests(p);
    }
    ending(p);
    return {.id = fmt::format("random.{}.{}", seed, number), .steps = std::move(p.all)};
}

}  // namespace agree
