// SPDX-License-Identifier: MIT
#include "device/record.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstdlib>
#include <unistd.h>

namespace ashlar::device_room {

namespace {

// A failure in the directory for run-time data, with its reason and what to do.
error run_error(error e) {
    const int code = e.code;
    if (code == ETIMEDOUT || code == EPIPE) return e;
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

// FNV-1a: against halves and mix-ups, not against malice; the directory is root's.
std::string check_of(std::string_view text) {
    std::uint64_t sum = 0xcbf29ce484222325;
    for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return fmt::format("{:016x}", sum);
}

std::optional<record> parse(const std::string& text) {
    const auto json = nlohmann::ordered_json::parse(text, nullptr, false);
    if (json.is_discarded() || !json.is_object()) return std::nullopt;
    try {
        auto checked = json;
        checked.erase("check");
        if (json.at("check").get<std::string>() != check_of(checked.dump())) return std::nullopt;
        record r;
        r.id = json.at("id").get<std::uint32_t>();
        r.cookie = json.at("cookie").get<std::uint64_t>();
        r.pid = json.at("pid").get<int>();
        r.name = json.at("name").get<std::string>();
        r.kind = json.at("target").get<std::string>();
        r.lane = json.at("lane").get<std::string>();
        r.size = json.at("size").get<std::uint64_t>();
        r.created = json.at("created").get<std::int64_t>();
        r.recipe = json.at("recipe").get<std::string>();
        return r;
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    }
}

}  // namespace

std::string run_directory() {
    const char* other = ::secure_getenv("ASHLAR_RUN_DIR");
    if (other != nullptr && *other != '\0') return other;
    const char* users = ::geteuid() == 0 ? nullptr : ::secure_getenv("XDG_RUNTIME_DIR");
    return users != nullptr && *users != '\0' ? std::string(users) + "/ashlar" : "/run/ashlar";
}

std::string record_path(std::uint32_t id) { return fmt::format("{}/{}.json", run_directory(), id); }
std::string socket_path(std::uint32_t id) { return fmt::format("{}/{}.sock", run_directory(), id); }
std::string log_path(std::uint32_t id) { return fmt::format("{}/{}.log", run_directory(), id); }

std::string lock_path() { return run_directory() + "/lock"; }

result<> prepare_run_directory(os::machine& m) {
    auto made = m.make_directory(run_directory());
    if (!made) return failure(run_error(std::move(made).error()));
    return {};
}

result<std::unique_ptr<os::path_lock>> lock_run_directory(os::machine& m) {
    auto lock = m.lock_path(lock_path());
    if (!lock) return failure(run_error(std::move(lock).error()));
    return lock;
}

result<> write_record(os::machine& m, const record& r) {
    nlohmann::ordered_json json = {{"id", r.id},     {"cookie", r.cookie},   {"pid", r.pid},
                                   {"name", r.name}, {"target", r.kind},     {"lane", r.lane},
                                   {"size", r.size}, {"created", r.created}, {"recipe", r.recipe}};
    json["check"] = check_of(json.dump());
    auto written = m.replace_file(record_path(r.id), json.dump() + "\n");
    if (written) return {};
    written.error().operation = "write the device's record";
    return failure(run_error(std::move(written).error()));
}

std::optional<record> read_record(os::machine& m, std::uint32_t id, std::uint64_t cookie) {
    auto text = m.read_text(record_path(id));
    if (!text) return std::nullopt;
    auto r = parse(*text);
    if (!r || r->id != id || r->cookie != cookie) return std::nullopt;
    return r;
}

std::vector<record> all_records(os::machine& m) {
    std::vector<record> records;
    for (const std::string& name : m.list_directory(run_directory())) {
        if (!name.ends_with(".json")) continue;
        auto text = m.read_text(run_directory() + "/" + name);
        if (!text) continue;
        if (auto r = parse(*text)) records.push_back(std::move(*r));
    }
    return records;
}

void remove_record(os::machine& m, std::uint32_t id, std::uint64_t cookie) {
    auto lock = lock_run_directory(m);
    if (!read_record(m, id, cookie)) return;
    m.remove_file(record_path(id));
    m.remove_file(socket_path(id));
    m.remove_file(log_path(id));
}

result<> check_name_is_free(os::machine& m, control::control& c, const std::string& name) {
    if (name.empty()) return {};
    for (const record& r : all_records(m)) {
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

}  // namespace ashlar::device_room
