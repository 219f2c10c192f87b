// Threads that share the parts of a picture's work. They live as long as the process.
#pragma once

#include <functional>

namespace pixels {

// Calls `part(0)` to `part(count - 1)`, each once, in up to `threads` threads, the caller's among them; returns when all
// have ended. `part` must not throw.
void in_parallel(int count, int threads, const std::function<void(int)>& part);

// What the machine gives this process.
int usable_threads();

}  // namespace pixels
