// SPDX-License-Identifier: MIT
#include "device/record.hpp"

#include "base/write_all.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace ashlar::device_room {

namespace {

error run_error(std::string operation, std::string path, int code) {
    error e{.operation = std::move(operation), .object = std::move(path), .code = code};
    if (code == ENOENT) {
        e.why = "the directory for run-time data is missing";
        e.remedy = "make it (mkdir -p /run), or name another in ASHLAR_RUN_DIR";
    } else if (code == ENOSPC || code == EDQUOT) {
        e.why = "the file system for run-time data is full";
        e.remedy = "make room there (df /run), or name another directory in ASHLAR_RUN_DIR";
    } else if (code == EACCES || code == EPERM || code == EROFS) {
        e.why = "it can't be written to";
        e.remedy = "run as root, or name another directory in ASHLAR_RUN_DIR";
    } else {
        e.why = "it is needed for the device's run-time data, and can't be used";
        e.remedy = "make it a directory that can be written to, or name another in ASHLAR_RUN_DIR";
    }
    return e;
}

std::optional<std::string> read_file(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "re");
    if (file == nullptr) return std::nullopt;
    std::string text;
    char buffer[4096];
    // A record has some hundred bytes; what is longer is none.
    while (text.size() < sizeof buffer * 4) {
        std::size_t got = std::fread(buffer, 1, sizeof buffer, file);
        if (got == 0) break;
        text.append(buffer, got);
    }
    std::fclose(file);
    return text;
}

std::optional<record> parse(const std::string& text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_discarded() || !json.is_object()) return std::nullopt;
    try {
        record r;
        r.id = json.at("id").get<std::uint32_t>();
        r.cookie = json.at("cookie").get<std::uint64_t>();
        r.pid = json.at("pid").get<int>();
        r.name = json.at("name").get<std::string>();
        r.kind = json.at("target").get<std::string>();
        r.lane = json.at("lane").get<std::string>();
        r.size = json.at("size").get<std::uint64_t>();
        r.created = json.at("created").get<std::int64_t>();
        return r;
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    }
}

result<> write_whole(const std::string& path, const std::string& text) {
    int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return failure(run_error("write the device's record", path, errno));
    int code = write_all(fd, text);
    if (::close(fd) != 0 && code == 0) code = errno;
    if (code == 0) return {};
    ::unlink(path.c_str());
    return failure(run_error("write the device's record", path, code));
}

}  // namespace

std::string run_directory() {
    const char* other = ::secure_getenv("ASHLAR_RUN_DIR");
    return other != nullptr && *other != '\0' ? other : "/run/ashlar";
}

std::string record_path(std::uint32_t id) { return fmt::format("{}/{}.json", run_directory(), id); }
std::string socket_path(std::uint32_t id) { return fmt::format("{}/{}.sock", run_directory(), id); }
std::string log_path(std::uint32_t id) { return fmt::format("{}/{}.log", run_directory(), id); }

result<> prepare_run_directory() {
    const std::string path = run_directory();
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
        return failure(run_error("make the directory", path, errno));
    }
    return {};
}

result<> write_record(const record& r) {
    const nlohmann::ordered_json json = {{"id", r.id},     {"cookie", r.cookie},  {"pid", r.pid},
                                         {"name", r.name}, {"target", r.kind},    {"lane", r.lane},
                                         {"size", r.size}, {"created", r.created}};
    const std::string path = record_path(r.id);
    const std::string draft = fmt::format("{}.{}.new", path, ::getpid());
    if (auto written = write_whole(draft, json.dump() + "\n"); !written) return written;
    if (::rename(draft.c_str(), path.c_str()) != 0) {
        const int code = errno;
        ::unlink(draft.c_str());
        return failure(run_error("write the device's record", path, code));
    }
    return {};
}

std::optional<record> read_record(std::uint32_t id, std::uint64_t cookie) {
    auto text = read_file(record_path(id));
    if (!text) return std::nullopt;
    auto r = parse(*text);
    if (!r || r->id != id || r->cookie != cookie) return std::nullopt;
    return r;
}

std::vector<record> all_records() {
    std::vector<record> records;
    DIR* directory = ::opendir(run_directory().c_str());
    if (directory == nullptr) return records;
    while (const dirent* entry = ::readdir(directory)) {
        const std::string name = entry->d_name;
        if (!name.ends_with(".json")) continue;
        auto text = read_file(run_directory() + "/" + name);
        if (!text) continue;
        if (auto r = parse(*text)) records.push_back(std::move(*r));
    }
    ::closedir(directory);
    return records;
}

void remove_record(std::uint32_t id, std::uint64_t cookie) {
    auto lock = run_lock::take();
    if (!read_record(id, cookie)) return;
    ::unlink(record_path(id).c_str());
    ::unlink(socket_path(id).c_str());
    ::unlink(log_path(id).c_str());
}

result<run_lock> run_lock::take() {
    const std::string path = run_directory() + "/lock";
    int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return failure(run_error("open", path, errno));
    while (::flock(fd, LOCK_EX) != 0) {
        if (errno == EINTR) continue;
        const int code = errno;
        ::close(fd);
        return failure(run_error("lock", path, code));
    }
    return run_lock(fd);
}

run_lock::run_lock(run_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

run_lock::~run_lock() {
    if (fd_ >= 0) ::close(fd_);
}

result<> check_name_is_free(control::control& c, const std::string& name) {
    if (name.empty()) return {};
    for (const record& r : all_records()) {
        if (r.name != name) continue;
        auto info = c.info(r.id);
        if (!info || info->ublksrv_flags != r.cookie) continue;
        return failure({.operation = "name",
                        .object = fmt::format("'{}'", name),
                        .code = EEXIST,
                        .why = fmt::format("device {} has this name", r.id),
                        .remedy = "choose another name, or remove that device: ashlar del"});
    }
    return {};
}

std::uint64_t new_cookie() {
    std::uint64_t cookie = 0;
    // A kernel that has ublk has getrandom, and its pool is filled by then.
    while (cookie == 0) {
        if (::getrandom(&cookie, sizeof cookie, 0) != sizeof cookie) cookie = 0;
    }
    return cookie;
}

}  // namespace ashlar::device_room
