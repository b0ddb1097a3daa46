// SPDX-License-Identifier: MIT
// First in, first out, without an allocation once it has grown.
#pragma once

#include <cstddef>
#include <vector>

namespace ashlar::twin {

template <class T>
class fifo {
public:
    [[nodiscard]] bool empty() const { return first_ == items_.size(); }
    [[nodiscard]] std::size_t size() const { return items_.size() - first_; }
    T& front() { return items_[first_]; }
    void push_back(const T& item) {
        if (first_ > 64 && first_ * 2 > items_.size()) {
            items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
        items_.push_back(item);
    }
    void pop_front() {
        first_ += 1;
        if (empty()) clear();
    }
    void clear() {
        items_.clear();
        first_ = 0;
    }

private:
    std::vector<T> items_;
    std::size_t first_ = 0;
};

}  // namespace ashlar::twin
