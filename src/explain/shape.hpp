// SPDX-License-Identifier: MIT
// What bytes are: the form of which they have most. Random bytes have none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace ashlar::explain {

enum class shape : std::uint8_t { entry, header, info, params, io, descriptor, batch, buffer };

constexpr shape all_shapes[] = {shape::entry, shape::header,     shape::info,  shape::params,
                                shape::io,    shape::descriptor, shape::batch, shape::buffer};

std::string_view name(shape s);  // "entry", as --as takes it
std::optional<shape> shape_named(std::string_view name);

// The form that fits, if one does and none fits as well.
std::optional<shape> shape_of(std::span<const std::uint8_t> bytes);

// A header that makes sense and is not all zero stands at the front of these bytes.
bool looks_like_header(std::span<const std::uint8_t> bytes);
// Where in an entry a control header stands that is not where it should be, at byte 48.
std::optional<std::size_t> misplaced_header(std::span<const std::uint8_t> entry);

// A number in the bytes; 0 for what is behind their end.
template <class T>
T load(std::span<const std::uint8_t> bytes, std::size_t at) {
    T value{};
    if (at < bytes.size()) {
        std::memcpy(&value, bytes.data() + at, std::min(sizeof value, bytes.size() - at));
    }
    return value;
}

}  // namespace ashlar::explain
