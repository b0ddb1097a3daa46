// SPDX-License-Identifier: MIT
#include "rules/known_bugs.hpp"

namespace ashlar::rules {

namespace {

constexpr subject add[] = {subject::add_dev};
constexpr subject add_or_del[] = {subject::add_dev, subject::del_dev};
constexpr subject start[] = {subject::start_dev};
constexpr subject start_or_end[] = {subject::start_dev, subject::end_user_recovery};
constexpr subject fetch[] = {subject::fetch_req, subject::start_dev};
constexpr subject commit[] = {subject::commit_and_fetch_req};
constexpr subject size[] = {subject::update_size};
constexpr subject quiesce[] = {subject::quiesce_dev};
constexpr subject stop[] = {subject::stop_dev, subject::del_dev};
constexpr subject map[] = {subject::map_descriptors};

constexpr version size_backports[] = {{6, 18, 20}, {6, 19, 9}};
constexpr version limit_backports[] = {{6, 14, 9}, {6, 12, 31}, {6, 6, 93}};
constexpr version batch_fix[] = {{7, 2, 7}};

constexpr known_bug bugs[] = {
    {"BUG-3",
     until(6, 9),
     harm::trouble,
     add_or_del,
     "a DEL_DEV that waits can't be killed, and every other ADD_DEV and DEL_DEV of the machine "
     "waits behind it",
     "find who holds the device: ashlar why",
     {},
     true},
    {"BUG-5", until(6, 2), harm::note, commit, "NEED_GET_DATA comes for a FLUSH, too",
     "ashlar does not use NEED_GET_DATA"},
    {"BUG-7", until(6, 7), harm::trouble, stop,
     "the end of a server is noticed up to 5 seconds late, and requests hang until then",
     "wait a moment before a device of a dead server is removed"},
    {"BUG-8",
     between({6, 7}, {6, 15}),
     harm::trouble,
     stop,
     "when a server dies that holds every tag of a queue, its requests hang for up to 30 seconds",
     "wait half a minute",
     {},
     true},
    {"BUG-9",
     {.since = {6, 3, 0}, .until = {6, 15, 0}, .also_until = limit_backports},
     harm::trouble,
     add,
     "the driver's limit of devices, ublks_max, counts all devices and not only those without "
     "privileges",
     "for more than 64 devices: echo 1024 > /sys/module/ublk_drv/parameters/ublks_max (before 6.7 "
     "an option of the module)",
     "80bdfbb3545b"},
    {"BUG-10", between({6, 15}, {6, 17}), harm::note, fetch,
     "a FETCH_REQ without a buffer is forgotten, and START_DEV and the server's end hang",
     "ashlar gives each tag a buffer"},
    {"BUG-11", until(6, 19), harm::trouble, start,
     "START_DEV reads the partition table itself: where the server does not answer these reads, "
     "START_DEV and everything after it on this device hangs",
     "ashlar serves before it starts; if another server's start hangs: ashlar why",
     "CVE-2025-68823", true},
    {"BUG-12",
     {.since = {6, 16, 0}, .until = {7, 0, 0}, .also_until = size_backports},
     harm::note,
     size,
     "UPDATE_SIZE of a device that is not live crashes the kernel",
     "ashlar looks at the state first",
     "CVE-2026-43364"},
    {"BUG-13",
     between({6, 18, 4}, {6, 18, 6}),
     harm::unfit,
     add,
     "ADD_DEV follows a null pointer on machines with several NUMA nodes, and the caller never "
     "comes back",
     "install 6.18.6 or newer",
     {},
     true},
    {"BUG-15",
     until(7, 1),
     harm::trouble,
     start_or_end,
     "START_DEV and END_USER_RECOVERY may succeed although the server died before it had fetched "
     "everything; the disk hangs then",
     "if a device without a server is called live, remove it: ashlar del",
     {},
     true},
    {"BUG-16", until(7, 3), harm::note, start,
     "after a server died before its START_DEV, no other can start the device",
     "ashlar makes a new device: ashlar del, ashlar add"},
    {"BUG-18", until(7, 3), harm::note, commit,
     "a WRITE that is answered with 0 comes back for ever", "ashlar never answers so"},
    {"BUG-19", since(7, 3), harm::note, commit,
     "a short result counts as the whole request, and the rest of the data is lost without a word",
     "ashlar has no short results: a request is whole, or has failed"},
    {"BUG-20", since(6, 16), harm::note, quiesce,
     "after a QUIESCE_DEV that failed (EBUSY, EINTR) the device's requests fail or hang",
     "ashlar serves such a device anew"},
    {"BUG-21",
     {.since = {7, 0, 0}, .until = {7, 3, 0}, .also_until = batch_fix},
     harm::note,
     quiesce,
     "with BATCH_IO a device that was quiesced once fails all its requests from then on",
     "ashlar does not use both"},
    {"BUG-22", until(6, 11), harm::note, commit,
     "a WRITE_ZEROES of 4 GiB or more loses the upper bits of its length",
     "ashlar caps write-zeroes and discard below 4 GiB"},
    {"BUG-23", until(6, 2), harm::note, map, "the descriptors' mapping can be made writable",
     "ashlar maps them for reading"},
    {"BUG-27", between({7, 0}, {7, 1}), harm::trouble, stop, "several races when a device ends",
     "install 7.1 or newer", "CVE-2026-68173", true},
    {"BUG-31", since(7, 0), harm::note, quiesce,
     "with BATCH_IO a quiesced device fails requests instead of keeping them, until another server "
     "has fetched all tags",
     "ashlar does not use both"},
    {"BUG-32", since(6, 16), harm::note, quiesce,
     "a QUIESCE_DEV that finds every tag with the server tells the server nothing",
     "ashlar looks whether requests are kept back, and serves the device anew"},
};

}  // namespace

std::span<const known_bug> known_bugs() { return bugs; }

std::vector<const known_bug*> known_bugs_of(const kernel& k) {
    std::vector<const known_bug*> found;
    for (const known_bug& b : bugs) {
        if (b.kernels.contains(k.release)) found.push_back(&b);
    }
    return found;
}

}  // namespace ashlar::rules
