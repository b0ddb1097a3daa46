// SPDX-License-Identifier: MIT
#include "sim/exhaustive.hpp"

#include "sim/client.hpp"
#include "sim/server.hpp"
#include "twin/stepped.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ashlar::sim {

namespace {

constexpr std::uint32_t blocks = 2;
constexpr std::uint64_t steps_max = 100'000;
constexpr unsigned unsynced_max = 12;  // 2 to the power of this are tried

// What a sequence is made of.
struct letter {
    operation what;
    const char* name;
};

std::vector<letter> alphabet() {
    constexpr const char* names[][blocks] = {{"write 0", "write 1"},
                                             {"FUA write 0", "FUA write 1"},
                                             {"discard 0", "discard 1"},
                                             {"write-zeroes 0", "write-zeroes 1"}};
    constexpr uapi::op kinds[] = {uapi::op::write, uapi::op::write, uapi::op::discard,
                                  uapi::op::write_zeroes};
    std::vector<letter> all;
    for (std::size_t i = 0; i < std::size(kinds); ++i) {
        for (std::uint32_t block = 0; block < blocks; ++block) {
            operation o{.op = kinds[i], .sector = block, .sectors = 1};
            if (i == 1) o.flags = twin::bio::fua;
            all.push_back({o, names[i][block]});
        }
    }
    all.push_back({{.op = uapi::op::flush}, "flush"});
    return all;
}

plan plan_of(const rules::kernel& version, medium what) {
    plan p;
    p.version = version;
    p.what = what;
    p.depth = 4;
    p.sectors = 8;
    p.manner.partition_scan = p.manner.udev = false;
    return p;
}

class explorer final : public surroundings {
public:
    explorer(const rules::kernel& version, medium what)
        : plan_(plan_of(version, what)),
          kernel_({.version = version, .manner = plan_.manner}),
          storage_(make_storage(kernel_, plan_)),
          oracle_({.sectors = plan_.sectors,
                   .power_may_fail = true,
                   .every_write_is_durable = what == medium::through}) {
        kernel_.log().keep(200);
    }
    ~explorer() override {
        kernel_.cut_power();
        if (server_) server_->lose();
        if (client_) client_->power_cut();
    }

    twin::kernel& kernel() override { return kernel_; }
    oracle& truth() override { return oracle_; }
    client_counters& counters() override { return counters_; }
    bool may_fail(const operation&, std::uint64_t, int) override { return false; }
    void broken(std::string what) override {
        if (outcome_.broken.empty()) outcome_.broken = std::move(what);
    }
    void client_finished() override { finished_ = true; }

    exhaustive_outcome run(unsigned longest,
                           const std::function<void(const exhaustive_counts&)>& progress);

private:
    bool is_broken() const { return !outcome_.broken.empty(); }
    template <class F>
    void steps_until(F&& condition, bool crashing);
    void sequence(std::span<const std::size_t> letters, unsigned width);
    void crash_here();
    void check_content(std::uint64_t subset);

    const plan plan_;
    std::unique_ptr<client> client_;  // outlives the kernel, in which its requests are
    twin::kernel kernel_;
    storage storage_;
    oracle oracle_;
    client_counters counters_;
    std::unique_ptr<server> server_;
    std::vector<letter> alphabet_ = alphabet();
    unsigned next_client_ = 0;
    bool finished_ = false;
    std::array<std::uint64_t, 3> last_state_ = {};
    exhaustive_outcome outcome_;
};

template <class F>
void explorer::steps_until(F&& condition, bool crashing) {
    for (std::uint64_t n = 0; !condition() && !is_broken(); ++n) {
        if (n == steps_max || !kernel_.steps().step()) {
            return broken("this does not end\n" + kernel_.steps().waiting());
        }
        if (!kernel_.accusations().empty()) broken(kernel_.accusations().front());
        if (crashing) crash_here();
    }
}

// The power fails now, in thought: with every subset of what is not yet synced.
void explorer::crash_here() {
    const twin::file& disk = *storage_.disk;
    const std::array<std::uint64_t, 3> state = {disk.begin_sync(), disk.unsynced(), oracle_.now()};
    if (state == last_state_) return;
    last_state_ = state;
    outcome_.counts.crash_points += 1;
    if (disk.unsynced() > unsynced_max) return broken("more is unsynced than was written");
    for (std::uint64_t subset = 0; subset < std::uint64_t{1} << disk.unsynced(); ++subset) {
        check_content(subset);
    }
}

void explorer::check_content(std::uint64_t subset) {
    outcome_.counts.contents += 1;
    std::array<std::byte, blocks * sector_bytes> content;
    const auto durable = storage_.disk->durable();
    std::copy_n(durable.begin(), content.size(), content.begin());
    std::uint64_t number = 0;
    storage_.disk->for_each_unsynced([&](std::uint64_t at, std::span<const std::byte> bytes) {
        if ((subset >> number++ & 1) == 0 || at >= content.size()) return;
        const auto part = bytes.first(std::min<std::size_t>(bytes.size(), content.size() - at));
        std::ranges::copy(part, content.begin() + static_cast<std::ptrdiff_t>(at));
    });
    for (std::uint64_t block = 0; block < blocks; ++block) {
        const std::span<const std::byte, sector_bytes> data(&content[block * sector_bytes],
                                                            sector_bytes);
        const seen found = look(data, block);
        const bool legible = found.what == seen::kind::zeros || found.what == seen::kind::whole;
        if (legible && oracle_.may_survive(block, found.of)) continue;
        broken(fmt::format("after a power cut block {} may hold write {}; legal: {}", block,
                           found.of & 0xffffffff, oracle_.describe(block)));
    }
}

void explorer::sequence(std::span<const std::size_t> letters, unsigned width) {
    std::string names;
    client_plan work{.width = width};
    for (std::size_t i : letters) {
        work.operations.push_back(alphabet_[i].what);
        names += std::string(names.empty() ? "" : ", ") + alphabet_[i].name;
    }
    finished_ = false;
    client_ = std::make_unique<client>(*this, next_client_++, work, plan_.id);
    client_->begin();
    steps_until([this] { return finished_; }, true);
    // What is there, and a flush, so that the next sequence begins with a short history.
    const client_plan after{
        .operations = {{.op = uapi::op::read, .sectors = blocks}, {.op = uapi::op::flush}}};
    if (!is_broken()) {
        finished_ = false;
        client_ = std::make_unique<client>(*this, next_client_++, after, plan_.id);
        client_->begin();
        steps_until([this] { return finished_; }, true);
    }
    if (is_broken()) {
        outcome_.broken =
            fmt::format("{}{}: {}", names, width == 1 ? "" : " (at once)", outcome_.broken);
    }
    outcome_.counts.sequences += 1;
}

exhaustive_outcome explorer::run(unsigned longest,
                                 const std::function<void(const exhaustive_counts&)>& progress) {
    server_ = std::make_unique<server>(kernel_, plan_, storage_, server::heritage{});
    steps_until([this] { return server_->reached() >= server::stage::serving; }, false);
    if (server_->over()) broken(server_->failure_text());
    std::vector<std::size_t> letters;
    for (unsigned length = 1; length <= longest; ++length) {
        letters.assign(length, 0);
        for (bool more = true; more && !is_broken();) {
            for (unsigned width : {1U, length}) {
                if (!is_broken()) sequence(letters, width);
            }
            if (progress) progress(outcome_.counts);
            // The next one, as a number to the base of the alphabet.
            std::size_t place = 0;
            while (place < length && ++letters[place] == alphabet_.size()) letters[place++] = 0;
            more = place < length;
        }
    }
    if (is_broken()) outcome_.history = kernel_.log().text();
    return outcome_;
}

}  // namespace

exhaustive_outcome run_exhaustive(const rules::kernel& version, medium what, unsigned longest,
                                  const std::function<void(const exhaustive_counts&)>& progress) {
    explorer e(version, what);
    return e.run(longest, progress);
}

}  // namespace ashlar::sim
