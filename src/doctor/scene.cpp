// SPDX-License-Identifier: MIT
#include "doctor/scene.hpp"

#include "control/control.hpp"
#include "device/nodes.hpp"
#include "os/ring.hpp"
#include "rules/release.hpp"

namespace ashlar::doctor {

namespace {

// The driver is opened when it is first asked, and never loaded.
struct driver {
    os::machine& m;
    std::unique_ptr<control::control> opened = {};

    result<control::control*> open() {
        if (!opened) {
            auto fresh = control::control::open(m, false);
            if (!fresh) return failure(std::move(fresh).error());
            opened = std::move(*fresh);
        }
        return opened.get();
    }
};

}  // namespace

scene this_machine(os::machine& m) {
    auto d = std::make_shared<driver>(m);
    scene s;
    s.release = m.version().text;
    s.kernel = control::kernel_of(m);
    s.info = [d](std::uint32_t id) -> result<uapi::ctrl_dev_info> {
        auto c = d->open();
        if (!c) return failure(std::move(c).error());
        auto info = (*c)->info(id);
        // A device without privileges answers only to who can name its node.
        if (!info && info.error().code == EINVAL) {
            info = (*c)->info({id, device_room::char_path(id)});
        }
        return info;
    };
    s.features = [d]() -> result<std::uint64_t> {
        auto c = d->open();
        if (!c) return failure(std::move(c).error());
        return (*c)->features();
    };
    s.ring = [&m]() -> result<> {
        auto r = os::ring::open(m, {.entries = 8, .wide_entries = true});
        if (!r) return failure(std::move(r).error());
        return {};
    };
    s.sleep_ns = [&m](std::uint64_t time) { m.sleep_ns(time); };
    return s;
}

}  // namespace ashlar::doctor
