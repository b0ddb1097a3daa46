// SPDX-License-Identifier: MIT
// What is known of a call. The twin knows everything; who explains a call that somebody else made
// knows some of it. So conditions have three values, and an unknown fact makes them unknown only
// where it matters (Kleene's logic).
#pragma once

#include <cstdint>

namespace ashlar::rules {

class maybe {
public:
    constexpr maybe(bool known)
        : value_(known ? most : least) {}  // NOLINT: a bool is a certain maybe
    static constexpr maybe unknown() { return maybe(middle); }

    [[nodiscard]] constexpr bool yes() const { return value_ == most; }
    [[nodiscard]] constexpr bool no() const { return value_ == least; }
    friend constexpr bool operator==(maybe, maybe) = default;

    friend constexpr maybe operator&&(maybe a, maybe b) {
        return maybe(a.value_ < b.value_ ? a.value_ : b.value_);
    }
    friend constexpr maybe operator||(maybe a, maybe b) {
        return maybe(a.value_ > b.value_ ? a.value_ : b.value_);
    }
    friend constexpr maybe operator!(maybe a) { return maybe(static_cast<std::int8_t>(-a.value_)); }

private:
    static constexpr std::int8_t least = -1, middle = 0, most = 1;
    constexpr explicit maybe(std::int8_t v) : value_(v) {}
    std::int8_t value_;
};

template <class T>
class fact {
public:
    constexpr fact() = default;
    constexpr fact(T v) : value_(v), known_(true) {}  // NOLINT: a value is a known fact

    [[nodiscard]] constexpr bool known() const { return known_; }
    [[nodiscard]] constexpr const T& value() const { return value_; }  // only if known
    constexpr void forget() { known_ = false; }

    // A condition on the value: unknown if the value is.
    template <class F>
    [[nodiscard]] constexpr maybe is(F&& condition) const {
        return known_ ? maybe(static_cast<bool>(condition(value_))) : maybe::unknown();
    }
    friend constexpr maybe operator==(const fact& f, const T& v) {
        return f.is([&](const T& x) { return x == v; });
    }
    friend constexpr maybe operator!=(const fact& f, const T& v) { return !(f == v); }
    friend constexpr maybe operator<(const fact& f, const T& v) {
        return f.is([&](const T& x) { return x < v; });
    }
    friend constexpr maybe operator>(const fact& f, const T& v) {
        return f.is([&](const T& x) { return x > v; });
    }
    friend constexpr maybe operator>=(const fact& f, const T& v) { return !(f < v); }
    friend constexpr maybe operator<=(const fact& f, const T& v) { return !(f > v); }

private:
    T value_{};
    bool known_ = false;
};

// A fact that is a yes or no of itself.
constexpr maybe holds(const fact<bool>& f) {
    return f.known() ? maybe(f.value()) : maybe::unknown();
}
// Some bit of the mask is set.
constexpr maybe has(const fact<std::uint64_t>& flags, std::uint64_t mask) {
    return flags.is([&](std::uint64_t v) { return (v & mask) != 0; });
}

}  // namespace ashlar::rules
