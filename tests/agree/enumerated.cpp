// SPDX-License-Identifier: MIT
#include "enumerated.hpp"

namespace agree {

sequences enumerated_sequences() {
    sequences all;
    for (auto* part : {&entry_sequences, &add_sequences, &params_sequences, &life_sequences,
                       &recovery_sequences, &io_sequences, &file_sequences, &disk_sequences,
                       &zero_copy_sequences, &batch_sequences}) {
        for (sequence& s : part()) all.push_back(std::move(s));
    }
    return all;
}

const std::vector<unreachable>& unreachable_rules() {
    static const std::vector<unreachable> all = {
        {"U-4", "ring restrictions belong to the ring's maker, and say nothing about the driver"},
        {"U-6", "rings with IOPOLL are not among what the twin has; see U-14"},
        {"U-13", "needs a security module that refuses"},
        {"D-1", "inside the kernel: nothing of it can be seen"},
        {"ADD-14", "needs a fatal signal within the wait for a mutex"},
        {"ADD-15", "needs 64 unprivileged devices at once; by hand"},
        {"ADD-16", "needs the kernel to be out of memory"},
        {"ADD-19", "needs the kernel to be out of memory"},
        {"ADD-20", "needs memory that turns unwritable between two copies"},
        {"ADD-21", "needs a failure of the device model"},
        {"START-3", "the lab's kernels have CONFIG_BLK_DEV_ZONED"},
        {"START-9", "needs a zoned server; the twin has none of its own"},
        {"START-10", "needs a failure of add_disk"},
        {"DEL-1", "needs a fatal signal within the wait for a mutex"},
        {"AFF-5", "needs the kernel to be out of memory"},
        {"PAR-13", "the lab's kernels have CONFIG_BLK_DEV_ZONED"},
        {"RBUF-6", "needs the kernel to be out of memory"},
        {"RBUF-8", "needs pages that go while they are pinned"},
        {"RBUF-9", "needs 65536 registered buffers"},
        {"UNREG-3", "the table of a ring that has both; left to tests of the lanes"},
        {"REG-5", "needs the kernel to be out of memory"},
        {"BF-5", "needs the kernel to be out of memory"},
        {"UC-1", "needs a splice into the character device"},
    };
    return all;
}

}  // namespace agree
