// SPDX-License-Identifier: MIT
// SET_PARAMS and GET_PARAMS, but for the values of the parameters.
#include "rules/rows.hpp"

namespace ashlar::rules {

namespace {

constexpr subject set[] = {subject::set_params};
constexpr subject get[] = {subject::get_params};

maybe no_room(const call& c) { return c.payload_length <= 8 || zero(c.payload_address); }
maybe longer_than_payload(const call& c) {
    return both(c.params_length, c.payload_length,
                [](auto said, auto sent) { return said > sent; });
}

constexpr row rows[] = {
    {.id = "SET-1",
     .about = set,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return no_room(c); },
     .means = "The payload is a ublk_params, and len is 8 or less or addr is 0",
     .mend = "set len to the bytes of ublk_params and addr to the struct",
     .source = "ublk_ctrl_set_params"},
    {.id = "SET-2",
     .about = set,
     .error = EFAULT,
     .breaks = [](auto&, auto& c) { return !holds(c.payload_head_readable); },
     .means = "The first 8 bytes of the params can't be read at addr",
     .mend = "let addr point to the ublk_params",
     .source = "ublk_ctrl_set_params"},
    {.id = "SET-3",
     .about = set,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return longer_than_payload(c) || c.params_length == 0 || c.params_types == 0;
         },
     .means = "params.len is 0 or more than the header's len, or params.types names nothing",
     .mend = "set params.len to the bytes of ublk_params, the header's len to at least that, and "
             "a bit in params.types for each part that is filled",
     .source = "ublk_ctrl_set_params"},
    {.id = "SET-4",
     .about = set,
     .what = effect::silently,
     .breaks = [](auto& k, auto& c) { return c.params_length > k.params_bytes(); },
     .means = "params.len is more than this kernel's ublk_params has; the rest is not looked at",
     .mend = "nothing, unless a part that was cut matters: read the params back",
     .source = "ublk_ctrl_set_params"},
    {.id = "SET-5",
     .about = set,
     .error = EACCES,
     .breaks = [](auto&, auto& c) { return holds(c.disk_used); },
     .means = "There is a disk, or there was one that somebody still has open",
     .mend = "set the parameters before START_DEV; after STOP_DEV wait until nobody has "
             "/dev/ublkbN open",
     .source = "ublk_ctrl_set_params"},
    {.id = "SET-6",
     .about = set,
     .error = EFAULT,
     .breaks = [](auto&, auto& c) { return !holds(c.payload_readable); },
     .means = "params.len bytes can't be read at addr; the stored parameters are lost (from 7.2 on "
              "all zero, before that half new)",
     .mend = "let addr point to params.len readable bytes, and set all parameters again",
     .source = "ublk_ctrl_set_params"},
    {.id = "SET-7",
     .about = set,
     .what = effect::silently,
     .breaks =
         [](auto& k, auto& c) {
             return c.params_types.is([&](auto types) { return (types & ~k.param_types()) != 0; });
         },
     .means = "Parts of the parameters that this kernel does not know are dropped",
     .mend = "read params.types back with GET_PARAMS",
     .source = "ublk_ctrl_set_params"},
    {.id = "GETP-1",
     .about = get,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return no_room(c); },
     .means = "The payload is a ublk_params, and len is 8 or less or addr is 0",
     .mend = "set len to the bytes of ublk_params and addr to the struct",
     .source = "ublk_ctrl_get_params"},
    {.id = "GETP-2",
     .about = get,
     .error = EFAULT,
     .breaks = [](auto&, auto& c) { return !holds(c.payload_head_readable); },
     .means = "The first 8 bytes, which say how much is wanted, can't be read at addr",
     .mend = "let addr point to a ublk_params",
     .source = "ublk_ctrl_get_params"},
    {.id = "GETP-3",
     .about = get,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return longer_than_payload(c) || c.params_length == 0; },
     .means = "params.len, which says how much is wanted, is 0 or more than the header's len",
     .mend = "set params.len and the header's len to the bytes of ublk_params",
     .source = "ublk_ctrl_get_params"},
    {.id = "GETP-4",
     .about = get,
     .what = effect::silently,
     .breaks = [](auto& k, auto& c) { return c.params_length > k.params_bytes(); },
     .means = "More is wanted than this kernel's ublk_params has; the rest stays as it was",
     .mend = "clear the struct before the call",
     .source = "ublk_ctrl_get_params"},
    {.id = "GETP-4",
     .about = get,
     .kernels = since(6, 3),
     .what = effect::silently,
     .breaks = [](auto&, auto& c) { return c.params_length > 0u; },
     .means = "The answer has the type bit DEVT (4), which SET_PARAMS refuses",
     .mend = "clear that bit of params.types before you send the parameters back",
     .source = "ublk_ctrl_fill_params_devt"},
    {.id = "GETP-2",
     .about = get,
     .error = EFAULT,
     .breaks = [](auto&, auto& c) { return !holds(c.payload_writable); },
     .means = "The answer can't be written to addr",
     .mend = "let addr point to params.len writable bytes",
     .source = "ublk_ctrl_get_params"},
};

}  // namespace

std::span<const row> params_rows() { return rows; }

}  // namespace ashlar::rules
