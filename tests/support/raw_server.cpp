// SPDX-License-Identifier: MIT
#include "support/raw_server.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/mman.h>

namespace ashlar::testing {

namespace {

constexpr std::uint64_t last_name = ~std::uint64_t{0};

}  // namespace

twin::kernel_options quiet(const std::string& version, std::uint64_t seed) {
    return {.version = *rules::kernel_named(version), .seed = seed, .manner = twin::polite};
}

void settle(twin::kernel& k, unsigned steps) {
    while (steps-- != 0 && k.steps().step()) {}
}

raw_ring::raw_ring(twin::process& owner, bool wide, unsigned entries) : owner_(owner) {
    auto opened = owner.ring_open(ring_, {.entries = entries, .wide_entries = wide});
    if (!opened) throw std::runtime_error("no ring");
}

void raw_ring::close() {
    if (open_ && owner_.alive()) owner_.ring_close(ring_);
    open_ = false;
}

io_uring_sqe& raw_ring::entry(int fd, std::uint32_t number, std::uint64_t user_data) {
    io_uring_sqe* e = io_uring_get_sqe(&ring_);
    if (e == nullptr) {
        enter();
        e = io_uring_get_sqe(&ring_);
    }
    const std::size_t bytes = (ring_.flags & IORING_SETUP_SQE128) != 0 ? 128 : 64;
    std::memset(static_cast<void*>(e), 0, bytes);
    e->opcode = IORING_OP_URING_CMD;
    e->fd = fd;
    e->cmd_op = number;
    e->user_data = user_data;
    return *e;
}

void raw_ring::enter(unsigned wait) {
    owner_.ring_enter(ring_, wait, os::no_timeout);
    unsigned head = *ring_.cq.khead;
    for (; head != *ring_.cq.ktail; ++head) {
        const io_uring_cqe& c = ring_.cq.cqes[head & ring_.cq.ring_mask];
        arrived_.push_back({c.user_data, c.res, c.flags});
    }
    *ring_.cq.khead = head;
}

std::optional<completion> raw_ring::take() {
    if (arrived_.empty()) return std::nullopt;
    const completion c = arrived_.front();
    arrived_.pop_front();
    return c;
}

std::optional<completion> raw_ring::take(std::uint64_t user_data) {
    for (auto c = arrived_.begin(); c != arrived_.end(); ++c) {
        if (c->user_data != user_data) continue;
        const completion found = *c;
        arrived_.erase(c);
        return found;
    }
    return std::nullopt;
}

raw_server::raw_server(twin::kernel& k, raw_options o, twin::credentials who)
    : kernel(k),
      process(k.start_process(who)),
      options(o),
      control_ring(process, true),
      ring(process, false) {
    control_fd = process.call_open("/dev/ublk-control", O_RDWR);
    handler = [this](const auto& d, auto q, auto tag) { return keep_ram(d, q, tag); };
}

// ---- control ----

void raw_server::send(uapi::ctrl_op op, uapi::ctrl_cmd command, std::uint64_t user_data) {
    const bool bare = !kernel.version().at_least(6, 4);
    auto& e = control_ring.entry(control_fd, bare ? uapi::raw(op) : uapi::encoded(op), user_data);
    if (op != uapi::ctrl_op::add_dev && command.dev_id == 0) command.dev_id = id;
    if (sends_path) {
        const std::string path = "/dev/ublkc" + std::to_string(command.dev_id);
        with_path_.resize(path.size() + command.len);
        std::memcpy(with_path_.data(), path.data(), path.size());
        if (command.len != 0) {
            std::memcpy(with_path_.data() + path.size(),
                        reinterpret_cast<const void*>(command.addr), command.len);
        }
        command.addr = reinterpret_cast<std::uintptr_t>(with_path_.data());
        command.len = static_cast<std::uint16_t>(with_path_.size());
        command.dev_path_len = static_cast<std::uint16_t>(path.size());
    }
    std::memcpy(static_cast<void*>(e.cmd), &command, sizeof command);
    control_ring.enter();
}

int raw_server::control(uapi::ctrl_op op, uapi::ctrl_cmd command) {
    send(op, command, last_name);
    for (;;) {
        if (auto c = control_ring.take(last_name)) return c->result;
        control_ring.enter(1);
    }
}

int raw_server::control(uapi::ctrl_op op, std::uint64_t data) {
    return control(op, uapi::ctrl_cmd{.data = {data}});
}

int raw_server::control_while_serving(uapi::ctrl_op op, std::uint64_t data) {
    send(op, {.data = {data}}, last_name);
    std::optional<completion> c;
    serve_until([&] {
        control_ring.enter();
        c = control_ring.take(last_name);
        return c.has_value();
    });
    return c->result;
}

int raw_server::add() {
    info = {.nr_hw_queues = options.queues,
            .queue_depth = options.depth,
            .io_desc_size = options.descriptor_bytes,
            .max_io_buf_bytes = 512 << 10,
            .dev_id = id,
            .flags = options.flags};
    const int result = control(
        uapi::ctrl_op::add_dev,
        {.dev_id = id, .len = sizeof info, .addr = reinterpret_cast<std::uintptr_t>(&info)});
    if (result == 0) id = info.dev_id;
    return result;
}

int raw_server::set_params() {
    uapi::params p{.len = sizeof p, .types = uapi::param_type_basic};
    p.basic = {.attrs = options.attributes,
               .logical_bs_shift = 9,
               .physical_bs_shift = 12,
               .io_min_shift = 9,
               .max_sectors = options.max_sectors,
               .chunk_sectors = options.chunk_sectors,
               .dev_sectors = options.sectors};
    if (options.max_discard_sectors != 0 || options.max_write_zeroes_sectors != 0) {
        p.types |= uapi::param_type_discard;
        p.discard = {.discard_granularity = 512,
                     .max_discard_sectors = options.max_discard_sectors,
                     .max_write_zeroes_sectors = options.max_write_zeroes_sectors,
                     .max_discard_segments = 1};
    }
    return control(uapi::ctrl_op::set_params,
                   {.len = sizeof p, .addr = reinterpret_cast<std::uintptr_t>(&p)});
}

uapi::ctrl_dev_info raw_server::device() {
    uapi::ctrl_dev_info now;
    const int result = control(uapi::ctrl_op::get_dev_info,
                               {.len = sizeof now, .addr = reinterpret_cast<std::uintptr_t>(&now)});
    if (result != 0) throw std::runtime_error("GET_DEV_INFO fails");
    return now;
}

int raw_server::open() {
    fd = process.call_open("/dev/ublkc" + std::to_string(id), O_RDWR);
    buffers.assign(std::size_t{info.nr_hw_queues} * info.queue_depth,
                   std::vector<std::byte>(std::size_t{options.max_sectors} * 512));
    ram.resize(options.sectors * 512);
    descriptors.assign(info.nr_hw_queues, {});
    return fd < 0 ? fd : 0;
}

int raw_server::map(std::uint16_t queue) {
    const std::uint16_t bytes = info.io_desc_size != 0 ? info.io_desc_size : 24;
    return process.call_map(fd, uapi::descriptor_map_bytes(info.queue_depth, bytes, 4096),
                            queue * uapi::descriptor_stride(bytes, 4096), PROT_READ, MAP_SHARED,
                            descriptors[queue]);
}

void raw_server::unmap() {
    for (auto& mapping : descriptors) {
        if (!mapping.empty()) process.unmap(mapping);
        mapping = {};
    }
}

void raw_server::begin() {
    auto must = [](int result, const char* what) {
        if (result < 0) throw std::runtime_error(std::string(what) + std::to_string(result));
    };
    must(add(), "ADD_DEV: ");
    must(set_params(), "SET_PARAMS: ");
    must(open(), "open: ");
    for (std::uint16_t q = 0; q < info.nr_hw_queues; ++q) must(map(q), "mmap: ");
    fetch_all();
    must(control_while_serving(uapi::ctrl_op::start_dev, static_cast<std::uint64_t>(process.pid())),
         "START_DEV: ");
}

void raw_server::recover(raw_server& before) {
    id = before.id;
    info = before.info;
    int result = 0;
    do {
        result = control(uapi::ctrl_op::start_user_recovery);
        if (result == -EBUSY && !kernel.steps().step()) break;
    } while (result == -EBUSY);
    if (result != 0) throw std::runtime_error("START_USER_RECOVERY: " + std::to_string(result));
    if (open() != 0) throw std::runtime_error("open");
    ram = before.ram;
    for (std::uint16_t q = 0; q < info.nr_hw_queues; ++q) {
        if (map(q) != 0) throw std::runtime_error("mmap");
    }
    fetch_all();
    result = control_while_serving(uapi::ctrl_op::end_user_recovery,
                                   static_cast<std::uint64_t>(process.pid()));
    if (result != 0) throw std::runtime_error("END_USER_RECOVERY: " + std::to_string(result));
}

// ---- I/O ----

std::uint32_t raw_server::number(uapi::io_op op) const {
    return kernel.version().at_least(6, 4) ? uapi::encoded(op) : uapi::raw(op);
}

std::byte* raw_server::buffer(std::uint16_t queue, std::uint16_t tag) {
    return buffers[std::size_t{queue} * info.queue_depth + tag].data();
}

const uapi::io_desc& raw_server::descriptor(std::uint16_t queue, std::uint16_t tag) const {
    const std::uint16_t bytes = info.io_desc_size != 0 ? info.io_desc_size : 24;
    return *reinterpret_cast<const uapi::io_desc*>(descriptors[queue].data() +
                                                   std::size_t{tag} * bytes);
}

void raw_server::fetch(std::uint16_t queue, std::uint16_t tag) {
    auto& e = ring.entry(fd, number(uapi::io_op::fetch_req), name(queue, tag));
    const bool copies =
        (info.flags & (uapi::f_user_copy | uapi::f_supp_zero_copy | uapi::f_auto_buf_reg)) == 0;
    const uapi::io_cmd command{.q_id = queue,
                               .tag = tag,
                               .addr = copies ? reinterpret_cast<std::uintptr_t>(buffer(queue, tag))
                                              : 0};
    std::memcpy(static_cast<void*>(e.cmd), &command, sizeof command);
    e.addr = tag;  // of automatic registration
    if ((info.flags & uapi::f_auto_buf_reg) == 0) e.addr = 0;
}

void raw_server::fetch_all() {
    for (std::uint16_t q = 0; q < info.nr_hw_queues; ++q) {
        for (std::uint16_t tag = 0; tag < info.queue_depth; ++tag) fetch(q, tag);
    }
    ring.enter();
}

void raw_server::commit(std::uint16_t queue, std::uint16_t tag, int result, std::uint64_t address) {
    auto& e = ring.entry(fd, number(uapi::io_op::commit_and_fetch_req), name(queue, tag));
    const uapi::io_cmd command{.q_id = queue, .tag = tag, .result = result, .addr = address};
    std::memcpy(static_cast<void*>(e.cmd), &command, sizeof command);
    if ((info.flags & uapi::f_auto_buf_reg) != 0) e.addr = tag;
}

void raw_server::commit(std::uint16_t queue, std::uint16_t tag, int result) {
    const bool copies =
        (info.flags & (uapi::f_user_copy | uapi::f_supp_zero_copy | uapi::f_auto_buf_reg)) == 0;
    commit(queue, tag, result, copies ? reinterpret_cast<std::uintptr_t>(buffer(queue, tag)) : 0);
}

// The result of a request on the RAM disk.
int raw_server::keep_ram(const uapi::io_desc& d, std::uint16_t queue, std::uint16_t tag) {
    const uapi::op op = uapi::op_of(d.op_flags);
    const std::size_t bytes = std::size_t{d.nr_sectors} * 512;
    if (op == uapi::op::flush) return 0;
    if (d.start_sector * 512 + bytes > ram.size()) return -EIO;
    std::byte* place = ram.data() + d.start_sector * 512;
    if (op == uapi::op::discard || op == uapi::op::write_zeroes) {
        std::memset(place, 0, bytes);
        return 0;
    }
    const bool reads = op == uapi::op::read;
    if ((info.flags & uapi::f_user_copy) != 0) {
        const std::uint64_t position = uapi::user_copy_position(queue, tag, 0);
        return static_cast<int>(reads ? process.call_pwrite(fd, {place, bytes}, position)
                                      : process.call_pread(fd, {place, bytes}, position));
    }
    if (reads) std::memcpy(buffer(queue, tag), place, bytes);
    else std::memcpy(place, buffer(queue, tag), bytes);
    return static_cast<int>(bytes);
}

bool raw_server::serve() {
    ring.enter();
    bool any = false;
    while (auto c = ring.take()) {
        any = true;
        const auto q = static_cast<std::uint16_t>(c->user_data >> 16);
        const auto tag = static_cast<std::uint16_t>(c->user_data);
        if (c->result == -ENODEV) {
            aborted += 1;
            continue;
        }
        if (c->result == uapi::io_res_need_get_data) {
            auto& e = ring.entry(fd, number(uapi::io_op::need_get_data), name(q, tag));
            const uapi::io_cmd command{
                .q_id = q, .tag = tag, .addr = reinterpret_cast<std::uintptr_t>(buffer(q, tag))};
            std::memcpy(static_cast<void*>(e.cmd), &command, sizeof command);
            continue;
        }
        if (c->result != 0) throw std::runtime_error("result " + std::to_string(c->result));
        const uapi::io_desc d = descriptor(q, tag);
        seen.push_back(d);
        const int result = handler(d, q, tag);
        if (result != -EINPROGRESS) commit(q, tag, result);
    }
    if (any) ring.enter();
    return any;
}

void raw_server::serve_until(const std::function<bool()>& condition) {
    for (unsigned n = 0; !condition(); ++n) {
        const bool worked = serve();
        if (!kernel.steps().step() && !worked && !serve() && !condition()) {
            throw twin::standstill(kernel.steps().waiting());
        }
        if (n > 1'000'000) throw std::runtime_error("it goes on for ever");
    }
}

void raw_server::close() {
    unmap();
    ring.close();
    if (fd >= 0) process.close(fd);
    fd = -1;
}

// ---- users ----

user_io::user_io(twin::kernel& k, std::uint32_t id, uapi::op op, std::uint64_t sector,
                 std::uint64_t sectors, std::uint32_t flags)
    : data(op == uapi::op::read || op == uapi::op::write ? sectors * 512 : 0),
      kernel_(k),
      disk_(k.blocks().find(id)) {
    bio_.op = op;
    bio_.flags = flags;
    bio_.sector = sector;
    bio_.sectors = sectors;
    if (disk_ == nullptr) throw std::runtime_error("no disk");
}

void user_io::submit() {
    bio_.data = data.empty() ? nullptr : data.data();
    bio_.user = this;
    bio_.done = [](twin::bio& b, int error) {
        auto* self = static_cast<user_io*>(b.user);
        self->done_ = true;
        self->error_ = error;
    };
    kernel_.blocks().submit(*disk_, bio_);
}

int user_io::run(raw_server& s) {
    submit();
    s.serve_until([&] { return done_; });
    return error_;
}

}  // namespace ashlar::testing
