// SPDX-License-Identifier: MIT
#include "queue/serving_thread.hpp"

#include "base/try.hpp"

#include <mutex>
#include <optional>

namespace ashlar::queue {

result<std::unique_ptr<serving_thread>> serving_thread::start(os::machine& m, const spec& s) {
    std::unique_ptr<serving_thread> made(new serving_thread);
    ASHLAR_TRY(made->loop_, loop::make(m, s.shared, s.spin_ns));
    auto monitor = m.make_monitor();
    std::optional<result<>> opened;
    loop& work = *made->loop_;
    ASHLAR_TRY(made->thread_, m.start_thread(s.name, s.cpus, [&, entries = s.entries] {
        m.mark_io_thread();
        auto open = work.open(entries);
        const bool serves = open.has_value();
        loop& mine = work;
        {
            std::lock_guard lock(*monitor);
            opened = std::move(open);
            monitor->notify_all();
        }
        // What the thread that waits has on its stack is gone now.
        while (serves && mine.turn()) {}
    }));
    std::lock_guard lock(*monitor);
    while (!opened) monitor->wait(os::no_timeout);
    if (!*opened) {
        made->thread_.reset();
        return failure(std::move(*opened).error());
    }
    return made;
}

serving_thread::~serving_thread() {
    if (!thread_) return;
    loop_->end();
    // Before the ring is closed: Linux before 6.15 keeps requests for ever that are on their way to
    // a ring which is closed by a thread that lives.
    thread_.reset();
}

}  // namespace ashlar::queue
