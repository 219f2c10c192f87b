#include "settings.h"

#include <array>
#include <mutex>

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include "allocator.h"
#include "environment.h"
#include "javascript.h"

namespace roc {
namespace {

// Everything that a switch changes.
using State = std::array<bool, 3>;

struct Switch {
  const char* name;
  State (*read)();
  void (*write)(const State&);
  State (*turned)(bool on);
};

at::Context& context() { return at::globalContext(); }

const Switch kSwitches[] = {
    {"allowTf32", [] { return State{context().allowTF32CuBLAS(), context().allowTF32CuDNN()}; },
     [](const State& state) {
       context().setAllowTF32CuBLAS(state[0]);
       context().setAllowTF32CuDNN(state[1]);
     },
     [](bool on) { return State{on, on}; }},
    {"deterministic",
     [] {
       return State{context().deterministicAlgorithms(), context().deterministicAlgorithmsWarnOnly(),
                    context().deterministicFillUninitializedMemory()};
     },
     [](const State& state) {
       context().setDeterministicAlgorithms(state[0], state[1]);
       context().setDeterministicFillUninitializedMemory(state[2]);
     },
     // Nothing here reads what was never written, so new memory need not be filled first.
     [](bool on) { return State{on, false, !on}; }},
    // cuDNN's attention builds a plan for every shape that it has not seen: milliseconds a call where every picture or step
    // has a length of its own. The other kernels take any length.
    {"cudnnAttention", [] { return State{context().userEnabledCuDNNSDP()}; },
     [](const State& state) { context().setSDPUseCuDNN(state[0]); }, [](bool on) { return State{on}; }},
    {"keepFreedMemory", [] { return State{keepsFreedMemory()}; },
     [](const State& state) {
       if (state[0] != keepsFreedMemory()) keepFreedMemory(state[0]);
     },
     [](bool on) { return State{on}; }},
};

// They are the process's, and workers hold them, too.
std::mutex mutex;
Held<State> held[std::size(kSwitches)];

size_t indexOf(const std::string& name) {
  for (size_t i = 0; i < std::size(kSwitches); ++i) {
    if (name == kSwitches[i].name) return i;
  }
  throw WrongArgument("unknown flag '" + name + "'");
}

void release(size_t which, uint64_t id) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (held[which].has(id)) kSwitches[which].write(held[which].release(id));
}

uint64_t idOf(napi_env env, napi_value value) {
  return toInt<uint64_t>(env, value, "the holder", 0, static_cast<int64_t>(kMaxSafeInteger));
}

int threadsOf(napi_env env, napi_value value) { return toInt<int>(env, value, "the number of threads", 1, 4096); }

}  // namespace

HeldSwitches::~HeldSwitches() {
  for (const auto& [which, id] : held_) roc::release(which, id);
}

void HeldSwitches::release(size_t which, uint64_t id) {
  held_.remove({which, id});
  roc::release(which, id);
}

void setDefaults() {
  static const bool done = [] {
    context().setSDPUseCuDNN(false);
    return true;
  }();
  (void)done;
}

// setFlag(name, on): where it is held, on is what it is afterwards
napi_value setFlag(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    const size_t which = indexOf(toString(env, in[0]));
    const State state = kSwitches[which].turned(toBool(env, in[1]));
    const std::lock_guard<std::mutex> lock(mutex);
    if (held[which].isHeld()) {
      held[which].setBase(state);
    } else {
      kSwitches[which].write(state);
    }
    return undefined(env);
  });
}

// flagIsOn(name): now, held or not
napi_value flagIsOn(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    const size_t which = indexOf(toString(env, in[0]));
    const std::lock_guard<std::mutex> lock(mutex);
    return boolean(env, kSwitches[which].read()[0]);
  });
}

// holdFlag(name, on) -> id for releaseFlag
napi_value holdFlag(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    const size_t which = indexOf(toString(env, in[0]));
    const State state = kSwitches[which].turned(toBool(env, in[1]));
    uint64_t id = 0;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      id = held[which].hold(kSwitches[which].read(), state);
      kSwitches[which].write(state);
    }
    environment(env).switches.add(which, id);
    return integer(env, static_cast<int64_t>(id));
  });
}

// releaseFlag(name, id)
napi_value releaseFlag(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    environment(env).switches.release(indexOf(toString(env, in[0])), idOf(env, in[1]));
    return undefined(env);
  });
}

// setThreads(count): where it is held, count is what it is afterwards
napi_value setThreads(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    const int count = threadsOf(env, in[0]);
    auto& held = environment(env).threads;
    if (held.isHeld()) {
      held.setBase(count);
    } else {
      at::set_num_threads(count);
    }
    return undefined(env);
  });
}

napi_value threads(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return number(env, at::get_num_threads()); });
}

// holdThreads(count) -> id for releaseThreads
napi_value holdThreads(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    const int count = threadsOf(env, in[0]);
    const int now = at::get_num_threads();
    const uint64_t id = environment(env).threads.hold(now, count);
    if (count != now) at::set_num_threads(count);
    return integer(env, static_cast<int64_t>(id));
  });
}

napi_value releaseThreads(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    auto& held = environment(env).threads;
    const uint64_t id = idOf(env, in[0]);
    if (!held.has(id)) return undefined(env);
    const int count = held.release(id);
    if (count != at::get_num_threads()) at::set_num_threads(count);
    return undefined(env);
  });
}

}  // namespace roc
