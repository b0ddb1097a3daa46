// SPDX-License-Identifier: MIT
// All of ashlar's public interface.
#pragma once

#include <ashlar/error.hpp>
#include <ashlar/io.hpp>
#include <ashlar/log.hpp>
#include <ashlar/request.hpp>
#include <ashlar/serve.hpp>
#include <ashlar/size.hpp>
#include <ashlar/target.hpp>
#include <ashlar/task.hpp>
#include <ashlar/threads.hpp>
#include <ashlar/transfer.hpp>
#include <ashlar/version.hpp>

// What nearly every target uses.
#include <algorithm>
#include <span>
#include <vector>
