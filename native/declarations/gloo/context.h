// The names of Gloo that c10d's header ProcessGroupGloo.hpp mentions. Gloo is part of libtorch, which ships c10d's headers
// but not these. Only pointers to Gloo's objects pass through this addon, and nothing here is called, so that their
// layout is known only to libtorch.
#pragma once

#include <chrono>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

}  // namespace gloo
