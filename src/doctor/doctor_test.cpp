// SPDX-License-Identifier: MIT
// The doctor's checks, and why, on directories that imitate /proc, /sys and /dev.
#include "doctor/checks.hpp"
#include "doctor/why.hpp"
#include "rules/known_bugs.hpp"
#include "rules/release.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <sys/stat.h>

using namespace ashlar;
using namespace ashlar::doctor;
namespace filesystem = std::filesystem;

namespace {

// A machine of files.
class paper_machine {
public:
    explicit paper_machine(const std::string& release = "7.3.4+deb") {
        char pattern[] = "/tmp/ashlar-paper-XXXXXX";
        root_ = ::mkdtemp(pattern);
        s.fs = files(root_);
        s.release = release;
        s.kernel = rules::kernel_of_release(release);
        s.info = [this](std::uint32_t id) -> result<uapi::ctrl_dev_info> {
            if (devices.contains(id)) return devices.at(id);
            return failure({.operation = "GET_DEV_INFO", .code = ENODEV});
        };
        s.features = [] { return result<std::uint64_t>(uapi::f_user_copy); };
        s.ring = [] { return result<>(); };
        s.sleep_ns = [this](std::uint64_t) {
            if (on_sleep) on_sleep();
        };
        put("/lib/modules/" + release + "/modules.dep", "kernel/drivers/block/ublk_drv.ko.xz:\n");
        put("/sys/module/ublk_drv/parameters/ublks_max", "64\n");
        put("/dev/ublk-control", "");
        put("/proc/self/status", "Name:\tashlar\nCapEff:\t000001ffffffffff\n");
        put("/proc/self/limits", "Max locked memory  unlimited unlimited bytes\n"
                                 "Max open files     1024 4096 files\n");
        link("/proc/self/ns/pid", "pid:[4026531836]");
        link("/proc/self/ns/user", "user:[4026531837]");
        put("/run/ashlar/lock", "");
    }
    ~paper_machine() { filesystem::remove_all(root_); }
    paper_machine(const paper_machine&) = delete;
    paper_machine& operator=(const paper_machine&) = delete;

    void put(const std::string& path, const std::string& text) {
        filesystem::create_directories(filesystem::path(root_ + path).parent_path());
        std::ofstream(root_ + path) << text;
    }
    void set_changed(const std::string& path, std::int64_t second) {
        const timespec times[] = {{.tv_sec = second, .tv_nsec = 0},
                                  {.tv_sec = second, .tv_nsec = 0}};
        REQUIRE(::utimensat(AT_FDCWD, (root_ + path).c_str(), times, 0) == 0);
    }
    void link(const std::string& path, const std::string& target) {
        filesystem::create_directories(filesystem::path(root_ + path).parent_path());
        filesystem::remove(root_ + path);
        filesystem::create_symlink(target, root_ + path);
    }
    void drop(const std::string& path) { filesystem::remove_all(root_ + path); }

    void add_process(int pid, const std::string& name, char state) {
        const std::string p = fmt::format("/proc/{}", pid);
        put(p + "/comm", name + "\n");
        put("/proc/stat", "btime 1000000000\n");
        put(p + "/stat", fmt::format("{} ({}) {} 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4200 0\n",
                                     pid, name, state));
        put(p + fmt::format("/task/{}/stat", pid), fmt::format("{} ({}) {} 1\n", pid, name, state));
        put(p + "/maps", "");
        link(p + "/exe", "/usr/bin/" + name);
    }
    void add_device(std::uint32_t id, uapi::device_state state, int pid) {
        devices[id] = {.nr_hw_queues = 2,
                       .queue_depth = 4,
                       .state = static_cast<std::uint16_t>(state),
                       .dev_id = id,
                       .ublksrv_pid = pid,
                       .ublksrv_flags = 77};
        put(fmt::format("/sys/class/ublk-char/ublkc{}/dev", id), "1:1\n");
    }
    void add_requests(std::uint32_t id, unsigned under_way, unsigned answered) {
        const std::string disk = fmt::format("/sys/block/ublkb{}", id);
        put(disk + "/inflight", fmt::format("       {}        0\n", under_way));
        put(disk + "/stat", fmt::format("{} 0 0 0 0 0 0 0 0 0 0\n", answered));
    }

    scene s;
    std::map<std::uint32_t, uapi::ctrl_dev_info> devices;
    std::function<void()> on_sleep;

private:
    std::string root_;
};

const finding* find(const std::vector<finding>& all, std::string_view id) {
    for (const finding& f : all) {
        if (f.id == id) return &f;
    }
    return nullptr;
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a healthy machine has no problem and no warning") {
    paper_machine m;
    for (const finding& f : check_all(m.s)) {
        INFO(f.id, ": ", f.what, ": ", f.why);
        CHECK(f.how != verdict::problem);
        CHECK(f.how != verdict::warning);
    }
}

TEST_CASE("each check finds what it is for, and says what to do") {
    struct trouble {
        const char* id;
        verdict how;
        void (*make)(paper_machine&);
        const char* says;
    };
    const trouble troubles[] = {
        {"module", verdict::warning, [](auto& m) { m.drop("/sys/module/ublk_drv"); }, "load it"},
        {"module", verdict::problem,
         [](auto& m) { m.drop("/sys/module/ublk_drv"), m.drop("/lib/modules"); }, "no such module"},
        {"config", verdict::problem,
         [](auto& m) { m.put("/boot/config-7.3.4+deb", "CONFIG_IO_URING=y\n"); }, "built without"},
        {"control", verdict::problem, [](auto& m) { m.drop("/dev/ublk-control"); }, "its node"},
        {"rights", verdict::problem,
         [](auto& m) { m.put("/proc/self/status", "CapEff:\t0000000000000000\n"); }, "ADD-5"},
        {"rights", verdict::problem,
         [](auto& m) {
             m.drop("/proc/self/ns/user");
             m.link("/proc/self/ns/user", "user:[4026532001]");
         },
         "user name space"},
        {"io_uring", verdict::problem,
         [](auto& m) {
             m.s.ring = [] {
                 return result<>(
                     failure({.code = EPERM, .why = "switched off", .remedy = "switch it on"}));
             };
         },
         "switched off"},
        {"limits", verdict::warning,
         [](auto& m) {
             m.put("/proc/self/limits", "Max locked memory 1 1\nMax open files 99 99\n");
         },
         "descriptors"},
        {"udev", verdict::warning, [](auto& m) { m.put("/run/udev/control", ""); }, "by-uuid"},
        {"name spaces", verdict::problem,
         [](auto& m) { m.put("/proc/self/mountinfo", "1 2 0:5 / /dev rw - tmpfs tmpfs rw\n"); },
         "devtmpfs"},
        {"name spaces", verdict::problem,
         [](auto& m) {
             m.s.kernel = rules::kernel_of_release("6.18.2");
             m.drop("/proc/self/ns/pid");
             m.link("/proc/self/ns/pid", "pid:[4026532002]");
         },
         "START-5"},
        {"memory", verdict::problem,
         [](auto& m) {
             m.add_device(1, uapi::device_state::live, 50);
             m.add_process(50, "server", 'S');
             m.put("/proc/50/status", "VmLck:\t       0 kB\n");
             m.put("/proc/swaps", "Filename\n/dev/ublkb1 partition 1 0 -2\n");
         },
         "not locked its memory"},
        {"limit", verdict::problem,
         [](auto& m) {
             m.s.kernel = rules::kernel_of_release("6.8.0");
             m.put("/sys/module/ublk_drv/parameters/ublks_max", "0\n");
         },
         "ADD-15"},
        {"BUG-13", verdict::problem,
         [](auto& m) { m.s.kernel = rules::kernel_of_release("6.18.5-generic"); }, "null pointer"},
        {"device 3", verdict::problem,
         [](auto& m) { m.add_device(3, uapi::device_state::live, 51); }, "nobody to answer"},
        {"device 3", verdict::warning,
         [](auto& m) {
             m.add_device(3, uapi::device_state::dead, -1);
             m.put("/run/ashlar/3.json", R"({"id": 3, "cookie": 77, "pid": 52})");
         },
         "the id stays taken"},
        {"device 3", verdict::warning,
         [](auto& m) { m.add_device(3, uapi::device_state::quiesced, -1); }, "hang until one"},
    };
    for (const trouble& t : troubles) {
        paper_machine m;
        t.make(m);
        const auto all = check_all(m.s);
        const finding* f = find(all, t.id);
        INFO(std::string(t.id), ": ", std::string(t.says));
        REQUIRE(f != nullptr);
        CHECK(f->how == t.how);
        CHECK(has(f->what + " " + f->why, t.says));
        CHECK(!f->remedy.empty());
    }
}

TEST_CASE("requests are stuck if none is answered while they are looked at") {
    for (const bool moves : {false, true}) {
        paper_machine m;
        m.add_device(0, uapi::device_state::live, 60);
        m.add_process(60, "server", 'T');
        m.link("/proc/60/fd/5", "/dev/ublkc0");
        m.add_requests(0, 2, 10);
        if (moves) m.on_sleep = [&] { m.add_requests(0, 2, 11); };
        const auto all = check_all(m.s);
        const finding* f = find(all, "device 0");
        REQUIRE(f != nullptr);
        CHECK((f->how == verdict::problem) == !moves);
        CHECK(has(f->what, "stopped by a signal"));
    }
}

TEST_CASE("a process is told with what it does and since when") {
    paper_machine m;
    m.add_process(40, "na) me", 'D');
    const process_view p = look_at_process(m.s.fs, 40);
    CHECK(p.program == "na) me");
    CHECK(p.state == 'D');
    CHECK(p.started == 1000000042);
}

TEST_CASE("only a dead device of ashlar that nobody holds is a leftover") {
    paper_machine m;
    m.add_device(3, uapi::device_state::dead, -1);
    auto leftover = [&] {
        const auto processes = ublk_processes(m.s.fs);
        return is_leftover(look_at_device(m.s, processes, 3), processes);
    };
    CHECK(!leftover());  // of another program
    m.put("/run/ashlar/3.json", R"({"id": 3, "cookie": 78, "pid": 52})");
    CHECK(!leftover());  // the record of an older device
    m.put("/run/ashlar/3.json", R"({"id": 3, "cookie": 77, "pid": 52})");
    CHECK(leftover());
    m.add_process(52, "ashlar", 'S');
    CHECK(!leftover());  // it starts
    m.add_process(52, "ashlar", 'Z');
    CHECK(leftover());
    m.add_process(53, "helper", 'S');
    m.put("/proc/53/maps", "1000-2000 r--s 00000000 00:05 9   /dev/ublkc3\n");
    CHECK(!leftover());  // held
}

TEST_CASE("since when a server is gone is told as far as something tells") {
    paper_machine m;
    m.add_device(3, uapi::device_state::dead, -1);
    const auto view = [&] { return look_at_device(m.s, ublk_processes(m.s.fs), 3); };
    CHECK(death_text(view()) == "; nothing tells since when");
    m.put("/run/ashlar/3.json", R"({"id": 3, "cookie": 77, "pid": 52})");
    m.set_changed("/run/ashlar/3.json", 1'000'000'000);
    m.set_changed("/dev", 1'000'000'060);
    device_view d = view();
    CHECK(d.lived_at == 1'000'000'000);
    CHECK(d.dead_by == 1'000'000'060);
    CHECK(has(death_text(d), "; it ended between 2001-09-0"));
    m.add_device(3, uapi::device_state::quiesced, -1);
    d = view();
    CHECK(d.dead_by == 0);
    CHECK(has(death_text(d), "; it ended after 2001-09-0"));
}

TEST_CASE("why names the fetches that a START_DEV waits for, and who holds them up") {
    paper_machine m;
    m.add_device(0, uapi::device_state::dead, -1);
    m.add_process(70, "mine", 'S');
    m.link("/proc/70/fd/4", "/dev/ublkc0");
    m.link("/proc/70/fd/6", "anon_inode:[io_uring]");
    m.put("/proc/70/fdinfo/6", "pos:\t0\nCachedSqHead:\t5\nCqHead:\t0\nCqTail:\t1\n");
    m.put("/proc/70/maps", "1000-2000 r--s 00018000 00:05 9          /dev/ublkc0\n");
    m.put("/proc/70/task/71/stack", "[<0>] wait_for_completion\n[<0>] ublk_ctrl_start_dev+0x1\n");
    for (const auto& reasons : {why_process(m.s, 70), why_device(m.s, 0)}) {
        REQUIRE(reasons.size() == 1);
        const reason& r = reasons[0];
        INFO(r.why);
        CHECK(r.rule == "START-4");
        CHECK(r.what == "START_DEV of device 0 waits, called by mine (pid 70)");
        CHECK(has(r.why, "2 queues of depth 4, which is 8 FETCH_REQs"));
        CHECK(has(r.why, "not mapped the descriptors of queue 0"));
        CHECK(has(r.why, "3 other commands under way, so 5 or more are missing"));
    }
}

TEST_CASE("why names who holds a deleted device: a mapping, or an open file") {
    paper_machine m;
    m.add_process(80, "deleter", 'S');
    m.put("/proc/80/task/81/stack", "[<0>] ublk_ctrl_del_dev+0x1\n");
    m.add_process(82, "holder", 'S');
    m.put("/proc/82/maps", "1000-2000 r--s 00000000 00:05 9    /dev/ublkc4 (deleted)\n");
    m.add_process(83, "reader", 'S');
    m.link("/proc/83/fd/9", "/dev/ublkb4p1 (deleted)");
    const auto reasons = why_process(m.s, 80);
    REQUIRE(reasons.size() == 2);
    CHECK(reasons[0].rule == "DEL-3");
    CHECK(has(reasons[0].why, "holder (pid 82) still has a mapping"));
    CHECK(has(reasons[1].why, "reader (pid 83) still has its disk open: fd 9"));
    CHECK(why_device(m.s, 4).size() == 2);
    CHECK(!why_device(m.s, 5).at(0).waits);
}

TEST_CASE("why follows a process to the server of the disk that it uses") {
    paper_machine m;
    m.add_device(0, uapi::device_state::live, 90);
    m.add_process(90, "server", 'T');
    m.link("/proc/90/fd/5", "/dev/ublkc0");
    m.add_requests(0, 1, 10);
    m.add_process(91, "editor", 'D');
    m.link("/proc/91/cwd", "/mnt/home");
    m.put("/proc/91/mountinfo", "9 1 259:0 / /mnt rw - ext4 /dev/ublkb0 rw\n");
    const auto reasons = why_process(m.s, 91);
    REQUIRE(reasons.size() == 1);
    CHECK(has(reasons[0].what, "editor (pid 91) uses /dev/ublkb0"));
    CHECK(has(reasons[0].why, "stopped by a signal"));
    CHECK(reasons[0].remedy == "let it go on: kill -CONT 90");
}

TEST_CASE("known bugs are counted by the kernels' own releases") {
    auto knows = [](const char* release, std::string_view id) {
        for (const auto* b : known_bugs_of(rules::kernel_of_release(release))) {
            if (b->id == id) return true;
        }
        return false;
    };
    CHECK(knows("6.12.30+deb13", "BUG-9"));
    CHECK(!knows("6.12.31", "BUG-9"));
    CHECK(knows("6.18.19", "BUG-12"));
    CHECK(!knows("6.18.20-1-amd64", "BUG-12"));
    CHECK(!knows("6.18.3", "BUG-13"));
    CHECK(knows("7.3.4", "BUG-19"));
    CHECK(!knows("7.2", "BUG-19"));
    for (const rules::known_bug& b : rules::known_bugs()) {
        CHECK(!b.what.empty());
        CHECK(!b.remedy.empty());
        CHECK(!b.about.empty());
    }
}
