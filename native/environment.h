// What one JavaScript environment (the main thread or one worker) owns: its tensors, scopes, mappings and guards.
// Only the switches are per process (settings.cc).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>
#include <node_api.h>

#include "operators.h"
#include "settings.h"

namespace roc {

// A file in memory; unmapped when the last tensor that shows it is gone.
struct Mapping {
  void* data = nullptr;
  size_t length = 0;
  ~Mapping();
};

// Tensors by integer handle. A handle is generation * 2^22 + index, so that the handle of a freed tensor is an error
// for the next 2^31 uses of its slot and never another tensor.
class TensorTable {
 public:
  static constexpr uint64_t kIndexBits = 22;
  static constexpr uint64_t kIndexMask = (uint64_t{1} << kIndexBits) - 1;

  // Adds a tensor; it belongs to the innermost open scope, if one is open.
  double add(at::Tensor tensor);
  // The tensor of a handle; throws where it was freed.
  at::Tensor& get(double handle);
  bool isLive(double handle) const;
  void free(double handle);
  // Detaches a tensor from its scope: it lives until free().
  void keep(double handle);

  // Scopes: everything added since `begin` is freed by `end`, except `survivors`, which move one scope up.
  uint32_t beginScope();
  void endScope(uint32_t depth, const std::vector<double>& survivors);
  uint32_t scopeDepth() const { return static_cast<uint32_t>(marks_.size()); }
  size_t live() const { return live_; }

 private:
  struct Slot {
    at::Tensor tensor;
    uint32_t generation = 1;
    uint32_t depth = 0;  // scope that frees it; 0 = none
    bool used = false;
  };
  const Slot* find(double handle) const;
  void release(uint64_t index);

  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> owned_;  // slot indices by scope, innermost last
  std::vector<size_t> marks_;    // where each open scope starts in owned_
  size_t live_ = 0;
};

struct Distributed;   // distributed.cc
class RecordedGraph;  // cuda_graph.cc

// Products of a kind of device in a 16-bit dtype, while it lives; afterwards as it was before.
class Autocast {
 public:
  Autocast(c10::DeviceType device, c10::ScalarType dtype);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  c10::DeviceType device_;
  bool wasOn_;
  c10::ScalarType dtypeBefore_;
};

struct Environment {
  TensorTable tensors;
  std::vector<std::unique_ptr<Operator>> operators;
  std::vector<std::shared_ptr<Mapping>> mappings;
  std::vector<std::shared_ptr<RecordedGraph>> graphs;  // null: freed
  std::vector<std::unique_ptr<c10::InferenceMode>> inferenceGuards;
  std::vector<std::unique_ptr<Autocast>> autocasts;
  Held<int> threads;  // OpenMP counts them per thread of ours
  HeldSwitches switches;
  std::shared_ptr<Distributed> distributed;  // null: in no group
  std::shared_ptr<std::atomic<bool>> cancelled;  // of the last joinGroup()
  torch::jit::Stack stack;                   // reused between calls
};

// The environment that belongs to `env`.
Environment& environment(napi_env env);

// The tensor of a handle that JavaScript gave; throws where it was freed.
at::Tensor& tensorOf(napi_env env, napi_value handle);

}  // namespace roc
