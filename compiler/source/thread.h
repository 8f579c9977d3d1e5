// source/thread.h - starts threads.
//
// Errors: kResourceExhausted, with what sets the limit, where the host or the agent's cgroup has no thread left: std::thread would
//         throw, in a place where nobody expects it.
#pragma once

#include <functional>
#include <thread>

#include "compiler/source/source.h"

namespace sluice::source {

// `thread` runs `body`. REQUIRES: it runs nothing yet.
Status StartThread(std::thread& thread, std::function<void()> body);

}  // namespace sluice::source
