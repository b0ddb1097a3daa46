// SPDX-License-Identifier: MIT
#include "doctor/files.hpp"

#include "os/machine.hpp"

#include <charconv>
#include <chrono>
#include <fcntl.h>
#include <future>
#include <memory>
#include <sstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace ashlar::doctor {

namespace {

constexpr auto patience = std::chrono::seconds(1);
constexpr std::size_t text_max = 4 << 20;

std::optional<std::string> read_whole(const std::string& path) {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return std::nullopt;
    std::string text;
    char buffer[4096];
    ssize_t got = 0;
    while (text.size() < text_max && (got = ::read(fd, buffer, sizeof buffer)) > 0) {
        text.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(fd);
    if (got < 0) return std::nullopt;
    return text;
}

}  // namespace

std::optional<std::string> files::text(const std::string& path) const {
    return read_whole(root_ + path);
}

files::answer files::text_in_time(const std::string& path) const {
    // The thread is left behind if it waits: it is killed with the process.
    auto promised = std::make_shared<std::promise<std::optional<std::string>>>();
    auto result = promised->get_future();
    std::thread([promised, whole = root_ + path] {
        promised->set_value(read_whole(whole));
    }).detach();
    if (result.wait_for(patience) != std::future_status::ready) return {};
    return {.in_time = true, .text = result.get()};
}

std::string files::first_line(const std::string& path) const {
    const std::string all = text(path).value_or("");
    return all.substr(0, all.find('\n'));
}

std::vector<std::string> files::list(const std::string& path) const {
    return os::linux_machine().list_directory(root_ + path);
}

std::string files::link(const std::string& path) const {
    char target[4096];
    const ssize_t length = ::readlink((root_ + path).c_str(), target, sizeof target);
    return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : std::string();
}

bool files::exists(const std::string& path) const {
    struct stat found{};
    return ::lstat((root_ + path).c_str(), &found) == 0;
}

std::int64_t files::changed(const std::string& path) const {
    struct stat found{};
    return ::lstat((root_ + path).c_str(), &found) == 0 ? found.st_mtim.tv_sec : 0;
}

bool files::may_write(const std::string& path) const {
    return ::access((root_ + path).c_str(), R_OK | W_OK) == 0;
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::vector<std::string> words_of(std::string_view text) {
    std::istringstream in{std::string(text)};
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
}

std::optional<std::uint64_t> number_of(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || failed != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return number;
}

std::string field_of(std::string_view text, std::string_view label) {
    for (const std::string& line : lines_of(text)) {
        if (!line.starts_with(label)) continue;
        const auto at = line.find_first_not_of(" \t", label.size());
        return at == std::string::npos ? std::string() : line.substr(at);
    }
    return {};
}

}  // namespace ashlar::doctor
