// SPDX-License-Identifier: MIT
// For tests: calls that break no rule, with every fact known.
#pragma once

#include "rules/row.hpp"

namespace ashlar::rules {

// A call, and what it points to.
struct scene {
    kernel k = {};
    subject about = subject::entry;
    uapi::ctrl_dev_info info = {};
    uapi::params params = {};
    uapi::shmem_buf_reg buffer = {};
    uapi::batch_io batch = {};
    call c = {};

    scene(const kernel& of, subject s);
    scene(const scene&) = delete;
    scene& operator=(const scene&) = delete;

private:
    void fill_entry();
    void fill_control();
    void fill_device();
    void fill_slot();
    void fill_files();
};

}  // namespace ashlar::rules
