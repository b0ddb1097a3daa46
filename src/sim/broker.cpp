// SPDX-License-Identifier: MIT
#include "sim/broker.hpp"

#include "control/channel.hpp"
#include "twin/executor.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ashlar::sim {

namespace {

constexpr std::uint64_t slack_ns = 15'000'000'000;
constexpr std::uint64_t open_limit_ns = 60'000'000'000;

}  // namespace

broker::broker(twin::kernel& k) : kernel_(k), process_(k.start_process()) {
    auto started = process_.start_thread("broker", {}, [this] { live(); });
    if (started) thread_ = std::move(*started);
    else gone_ = true;
}

broker::~broker() {
    thread_.reset();
    if (!gone_) kernel_.end(process_);
}

void broker::end() {
    {
        twin::locked lock(kernel_.exec());
        ends_ = true;
        kernel_.exec().wake(asked_);
    }
    thread_.reset();
}

void broker::kill() {
    if (gone_) return;
    gone_ = true;
    kernel_.kill(process_);
    twin::locked lock(kernel_.exec());
    kernel_.exec().wake(answered_);
    kernel_.exec().wake(free_);
}

// One thread of the server at a time asks. What comes too late is nobody's answer any more.
int broker::ask(const question& q, std::span<std::byte> payload, std::uint64_t limit_ns) {
    twin::executor& e = kernel_.exec();
    twin::locked lock(e);
    while (asking_ && !gone_) e.wait(free_);
    if (gone_) return -EPIPE;
    asking_ = true;
    answered_to_ = 0;
    question_ = q;
    question_.number_of_it = ++questions_;
    std::ranges::copy(payload, question_.payload.begin());
    e.wake(asked_);
    const std::uint64_t until = e.now() + limit_ns;
    while (answered_to_ != questions_ && !gone_ && e.now() < until) e.wait(answered_, until);
    const bool answered = answered_to_ == questions_;
    asking_ = false;
    question_.number_of_it = 0;
    e.wake(free_);
    if (!answered) return gone_ ? -EPIPE : -ETIMEDOUT;
    std::copy_n(question_.payload.begin(), payload.size(), payload.begin());
    return outcome_;
}

result<> broker::open_driver(bool) {
    const int outcome = ask({.is_command = false}, {}, open_limit_ns);
    if (outcome >= 0) return {};
    return failure({.operation = "ask the broker for the ublk driver", .code = -outcome});
}

int broker::command(std::uint32_t number, std::span<const std::byte> header,
                    std::span<std::byte> payload, std::uint64_t limit_ns) {
    question q{
        .is_command = true, .command = number, .bytes = payload.size(), .limit_ns = limit_ns};
    if (payload.size() > q.payload.size()) return -E2BIG;
    std::memcpy(&q.header, header.data(), std::min(header.size(), sizeof q.header));
    return ask(q, payload, limit_ns + slack_ns);
}

void broker::live() {
    std::unique_ptr<control::channel> channel;
    twin::executor& e = kernel_.exec();
    std::uint64_t seen = 0;
    for (;;) {
        question heard;
        {
            twin::locked lock(e);
            while (!ends_ && (silent_ || question_.number_of_it <= seen)) e.wait(asked_);
            if (ends_) return;
            heard = question_;
            seen = heard.number_of_it;
        }
        int outcome = 0;
        if (!channel) {
            auto opened = control::channel::open(process_, false);
            if (opened) channel = std::move(*opened);
            else outcome = -opened.error().code;
        }
        if (channel && heard.is_command) {
            outcome = channel->perform(heard.command, heard.header,
                                       std::span(heard.payload).first(heard.bytes), heard.limit_ns);
        }
        twin::locked lock(e);
        if (question_.number_of_it != seen) continue;
        question_.payload = heard.payload;
        outcome_ = outcome;
        answered_to_ = seen;
        e.wake(answered_);
    }
}

}  // namespace ashlar::sim
