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
        {"ADD-20", "needs memory that turns unwritable between two copies"},
        {"ADD-21", "needs a failure of the device model"},
        {"START-3", "the lab's kernels have CONFIG_BLK_DEV_ZONED"},
        {"START-8",
         "on these kernels SET_PARAMS refuses such limits; the rest needs a zoned server"},
        {"START-9", "needs a zoned server; the twin has none of its own"},
        {"START-10", "needs a failure of add_disk"},
        {"DEL-1", "needs a fatal signal within the wait for a mutex"},
        {"AFF-5", "needs the kernel to be out of memory"},
        {"PAR-13", "the lab's kernels have CONFIG_BLK_DEV_ZONED"},
        {"QUI-4", "7.3 never waits there, see the news in docs/agreement.md"},
        {"RBUF-6", "needs the kernel to be out of memory"},
        {"RBUF-8", "needs pages that go while they are pinned"},
        {"RBUF-9", "needs 65536 registered buffers"},
        {"UNREG-3", "the table of a ring that has both; left to tests of the lanes"},
        {"REG-5", "needs the kernel to be out of memory"},
        {"B-7", "B-4 and B-5 answer first: no device may have both flags"},
        {"BF-5", "needs the kernel to be out of memory"},
        {"GET-1", "the request comes back every 3 ms for ever: no quiet moment to compare at"},
        {"BLK-3", "the node is gone with TRY_STOP_DEV: needs an open that came just before"},
        {"UC-1", "needs a splice into the character device"},
    };
    return all;
}

const std::vector<accepted>& accepted_calls() {
    static const std::vector<accepted> all = {
        {"ADD-0", "ADD_DEV"},
        {"SET-0", "SET_PARAMS"},
        {"PAR-0", "SET_PARAMS at a limit"},
        {"START-0", "START_DEV"},
        {"STOP-0", "STOP_DEV"},
        {"TRY-0", "TRY_STOP_DEV"},
        {"DEL-0", "DEL_DEV"},
        {"SREC-0", "START_USER_RECOVERY"},
        {"QUI-0", "QUIESCE_DEV"},
        {"INFO-0", "GET_DEV_INFO"},
        {"AFF-0", "GET_QUEUE_AFFINITY"},
        {"FEAT-0", "GET_FEATURES"},
        {"SIZE-0", "UPDATE_SIZE"},
        {"P-0", "the path step"},
        {"RBUF-0", "REG_BUF"},
        {"UBUF-0", "UNREG_BUF"},
        {"FETCH-0", "FETCH_REQ"},
        {"REG-0", "REGISTER_IO_BUF"},
        {"UNREG-0", "UNREGISTER_IO_BUF"},
        {"BE-0", "PREP_IO_CMDS"},
        {"OPEN-0", "open of ublkcN"},
        {"MMAP-OK", "mmap of descriptors"},
        {"UC-OK", "user copy"},
        {"BLK-0", "open of ublkbN"},
    };
    return all;
}

}  // namespace agree
