// SPDX-License-Identifier: MIT
// Objects of one type that come and go all the time: what is given back is used again.
#pragma once

#include <memory>
#include <vector>

namespace ashlar::twin {

template <class T>
class pool {
public:
    // As if newly made.
    T& take() {
        if (spare_.empty()) {
            all_.push_back(std::make_unique<T>());
            return *all_.back();
        }
        T& one = *spare_.back();
        spare_.pop_back();
        one = T{};
        return one;
    }
    void give_back(T& one) { spare_.push_back(&one); }

private:
    std::vector<std::unique_ptr<T>> all_;
    std::vector<T*> spare_;
};

}  // namespace ashlar::twin
