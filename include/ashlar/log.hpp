// SPDX-License-Identifier: MIT
// Where ashlar's messages go. The library never writes to syslog: messages reach one sink, standard
// error unless a program sets another. Any thread may log; sinks are called one at a time.
#pragma once

#include <functional>
#include <string_view>

namespace ashlar {

enum class level { debug, info, warning, error };

using log_sink = std::function<void(level, std::string_view message)>;

// Replaces the sink; an empty function brings back the default, standard error.
void set_log_sink(log_sink sink);
// Messages below this level are dropped; the default is level::info.
void set_log_level(level lowest);
void log(level severity, std::string_view message);
std::string_view name(level severity);

}  // namespace ashlar
