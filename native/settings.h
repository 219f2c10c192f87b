// What holds for a while and is then as it was: switches of the process, and the threads of an operator.
#pragma once

#include <cstdint>
#include <list>
#include <utility>

#include <node_api.h>

namespace roc {

// A setting that several may hold at once, whose times need not nest: the newest one's value counts, and with the last one
// gone the one from before them.
template <typename Value>
class Held {
 public:
  // `value` counts until release(); `now` is what holds.
  uint64_t hold(const Value& now, Value value) {
    if (holders_.empty()) base_ = now;
    holders_.emplace_back(next_, std::move(value));
    return next_++;
  }
  // Ends it; twice is harmless. Returns what holds from here on.
  const Value& release(uint64_t id) {
    holders_.remove_if([id](const auto& holder) { return holder.first == id; });
    return holders_.empty() ? base_ : holders_.back().second;
  }
  bool isHeld() const { return !holders_.empty(); }
  bool has(uint64_t id) const {
    for (const auto& holder : holders_) {
      if (holder.first == id) return true;
    }
    return false;
  }
  // The value while there is no holder.
  void setBase(const Value& value) { base_ = value; }

 private:
  std::list<std::pair<uint64_t, Value>> holders_;
  Value base_{};
  uint64_t next_ = 1;
};

// Switches that an environment holds are released with it.
class HeldSwitches {
 public:
  HeldSwitches() = default;
  ~HeldSwitches();
  HeldSwitches(const HeldSwitches&) = delete;
  HeldSwitches& operator=(const HeldSwitches&) = delete;
  void add(size_t which, uint64_t id) { held_.emplace_back(which, id); }
  void release(size_t which, uint64_t id);

 private:
  std::list<std::pair<size_t, uint64_t>> held_;
};

// Switches of libtorch whose own defaults do not suit this program; once a process.
void setDefaults();

napi_value setFlag(napi_env env, napi_callback_info info);
napi_value flagIsOn(napi_env env, napi_callback_info info);
napi_value holdFlag(napi_env env, napi_callback_info info);
napi_value releaseFlag(napi_env env, napi_callback_info info);
napi_value setThreads(napi_env env, napi_callback_info info);
napi_value threads(napi_env env, napi_callback_info info);
napi_value holdThreads(napi_env env, napi_callback_info info);
napi_value releaseThreads(napi_env env, napi_callback_info info);

}  // namespace roc
