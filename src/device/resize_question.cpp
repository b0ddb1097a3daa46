// SPDX-License-Identifier: MIT
#include "base/error_line.hpp"
#include "base/try.hpp"
#include "device/resize.hpp"
#include "device/status.hpp"
#include "uapi/print.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>

namespace ashlar::device_room {

namespace {

using nlohmann::json;

constexpr int limit_seconds = 90;

result<std::uint64_t> wanted_size(const device::implementation& disk, const resize_wish& wish) {
    const std::uint64_t now = disk.size();
    if (wish.bytes) return *wish.bytes;
    if (wish.by == 0) return disk.size_now();
    const auto change = static_cast<std::uint64_t>(wish.by < 0 ? -wish.by : wish.by);
    if (wish.by < 0 && change >= now) {
        return failure(resize_refused(disk.id(), 0, fmt::format("it has {}", uapi::bytes_text(now)),
                                      "take less away"));
    }
    return wish.by < 0 ? now - change : now + change;
}

result<resize_outcome> resize(device::implementation& disk, const resize_wish& wish) {
    const std::uint64_t before = disk.size();
    ASHLAR_TRY(const std::uint64_t bytes, wanted_size(disk, wish));
    if (bytes < before && !wish.may_shrink) {
        return failure(resize_refused(
            disk.id(), 0,
            fmt::format("it has {}, and what is behind the first {} would be lost",
                        uapi::bytes_text(before), uapi::bytes_text(bytes)),
            "shrink what is on it first (resize2fs, lvreduce); then say so: --shrink"));
    }
    ASHLAR_CHECK(disk.resize(bytes));
    return resize_outcome{.before = before, .after = bytes};
}

std::optional<resize_wish> wish_in(std::string_view question) {
    const json asked = json::parse(question, nullptr, false);
    if (!asked.is_object()) return std::nullopt;
    try {
        if (asked.at("verb").get<std::string>() != "resize") return std::nullopt;
        resize_wish wish{.by = asked.at("by").get<std::int64_t>(),
                         .may_shrink = asked.at("may_shrink").get<bool>()};
        if (!asked.at("bytes").is_null()) wish.bytes = asked.at("bytes").get<std::uint64_t>();
        return wish;
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

}  // namespace

error resize_refused(std::uint32_t id, int code, std::string why, std::string remedy) {
    return {.operation = "resize",
            .object = fmt::format("device {}", id),
            .code = code,
            .why = std::move(why),
            .remedy = std::move(remedy)};
}

std::string answer_resize(device::implementation& disk, std::string_view question) {
    const auto wish = wish_in(question);
    auto done = wish ? resize(disk, *wish)
                     : result<resize_outcome>(failure(resize_refused(
                           disk.id(), EINVAL, "its server does not understand the question",
                           "use the same version of ashlar: ashlar upgrade")));
    if (!done) return line_of(done.error()) + "\n";
    return json{{"before", done->before}, {"after", done->after}}.dump() + "\n";
}

result<resize_outcome> ask_resize(std::uint32_t id, const resize_wish& wish) {
    const json question = {{"verb", "resize"},
                           {"bytes", wish.bytes ? json(*wish.bytes) : json(nullptr)},
                           {"by", wish.by},
                           {"may_shrink", wish.may_shrink}};
    // A size may take its time to change; a server that does not answer at all is found out sooner.
    ASHLAR_CHECK(ask_status(id));
    ASHLAR_TRY(const std::string answer, ask_server(id, question.dump() + "\n", limit_seconds));
    if (auto failed = error_in(answer)) return failure(std::move(*failed));
    const json done = json::parse(answer, nullptr, false);
    if (!done.is_object() || !done.contains("after")) {
        return failure(resize_refused(id, EPROTO,
                                      "its server gave no answer that can be understood",
                                      "use the same version of ashlar: ashlar upgrade"));
    }
    return resize_outcome{.before = done.value("before", std::uint64_t{0}),
                          .after = done.value("after", std::uint64_t{0})};
}

}  // namespace ashlar::device_room
