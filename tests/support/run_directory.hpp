// SPDX-License-Identifier: MIT
// A directory for records that only this test uses.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace ashlar::test {

class run_directory {
public:
    run_directory() {
        std::string name = (std::filesystem::temp_directory_path() / "ashlar.XXXXXX").string();
        path_ = ::mkdtemp(name.data());
        ::setenv("ASHLAR_RUN_DIR", path_.c_str(), 1);
    }
    run_directory(const run_directory&) = delete;
    run_directory& operator=(const run_directory&) = delete;
    ~run_directory() {
        ::unsetenv("ASHLAR_RUN_DIR");
        std::filesystem::remove_all(path_);
    }

    [[nodiscard]] const std::string& path() const { return path_; }
    // What is in it but the lock, which stays.
    [[nodiscard]] std::vector<std::string> leftovers() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(path_)) {
            const std::string name = entry.path().filename().string();
            if (name != "lock") names.push_back(name);
        }
        std::ranges::sort(names);
        return names;
    }

private:
    std::string path_;
};

}  // namespace ashlar::test
