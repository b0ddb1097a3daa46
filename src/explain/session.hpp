// SPDX-License-Identifier: MIT
// A log of calls: submission entries in hex, the completions that belong to them by their
// user_data, and file calls as strace shows them. Each refusal is judged by what the earlier calls
// tell.
#pragma once

#include "explain/document.hpp"
#include "explain/explain.hpp"
#include "explain/history.hpp"

#include <set>

namespace ashlar::explain {

struct event {
    enum class kind : std::uint8_t {
        entry,
        completion,
        never,
        info,
        request,
        open,
        close,
        map,
        unmap,
        end
    };
    std::size_t line = 0;
    kind what = kind::entry;
    const ring_call* call = nullptr;
    std::int64_t result = 0;
    int fd = -1;
    std::string text = {};  // a path or a thread
    std::string thread = {};
    std::vector<std::uint8_t> bytes = {};
};

class session {
public:
    // Without completions that belong to entries there is none.
    session(const document& d, const rules::kernel& k);

    [[nodiscard]] bool empty() const { return events_.empty(); }
    [[nodiscard]] const std::set<std::size_t>& lines() const { return lines_; }
    // Whether an entry of this line has its completion, so that it is judged here.
    [[nodiscard]] bool tells(std::size_t line) const;
    // What is wrong with each entry that was refused, or waits though it should not.
    [[nodiscard]] std::vector<finding> findings() const;
    // Adds to a file call what is known before this line. Lines come in their order.
    void tell_file(evidence& seen, const std::string& path, std::size_t line);

private:
    const rules::kernel& kernel_;
    std::vector<ring_call> calls_;
    std::vector<event> events_;
    std::set<std::size_t> lines_;  // of the completions
    history walked_;               // up to the event next_, for tell_file
    std::size_t next_ = 0;

    void take_answers(const document& d);
    void take_entries(const document& d);
    void take_completions(const document& d);
    void take_files(const document& d);
    static void happen(history& past, const event& e);
    // `past` may be null.
    [[nodiscard]] judgement judge_call(const history* past, const ring_call& c,
                                       const outcome& told) const;
    [[nodiscard]] finding judged(const history& past, const event& e) const;
};

}  // namespace ashlar::explain
