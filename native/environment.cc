#include "environment.h"

#include <sys/mman.h>

#include <cmath>

#include "javascript.h"

namespace roc {

Mapping::~Mapping() {
  if (data != nullptr) munmap(data, length);
}

double TensorTable::add(at::Tensor tensor) {
  uint32_t index;
  if (free_.empty()) {
    TORCH_CHECK(slots_.size() <= kIndexMask, "more than ", kIndexMask, " live tensors: wrap the work in scope()");
    index = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[index];
  slot.tensor = std::move(tensor);
  slot.used = true;
  slot.depth = scopeDepth();
  if (slot.depth > 0) owned_.push_back(index);
  ++live_;
  return static_cast<double>((uint64_t{slot.generation} << kIndexBits) | index);
}

const TensorTable::Slot* TensorTable::find(double handle) const {
  if (!(handle >= 1) || handle > kMaxSafeInteger || std::trunc(handle) != handle) return nullptr;
  const auto bits = static_cast<uint64_t>(handle);
  const uint64_t index = bits & kIndexMask;
  if (index >= slots_.size()) return nullptr;
  const Slot& slot = slots_[index];
  return slot.used && slot.generation == (bits >> kIndexBits) ? &slot : nullptr;
}

at::Tensor& TensorTable::get(double handle) {
  const Slot* slot = find(handle);
  if (slot == nullptr) throw TensorDisposed();
  return const_cast<Slot*>(slot)->tensor;
}

bool TensorTable::isLive(double handle) const { return find(handle) != nullptr; }

void TensorTable::release(uint64_t index) {
  Slot& slot = slots_[index];
  slot.used = false;
  slot.depth = 0;
  slot.generation = slot.generation == 0x7fffffffu ? 1 : slot.generation + 1;
  free_.push_back(static_cast<uint32_t>(index));
  --live_;
  // Last, because freeing a tensor may run a deleter.
  at::Tensor dying = std::move(slot.tensor);
}

void TensorTable::free(double handle) {
  if (find(handle) != nullptr) release(static_cast<uint64_t>(handle) & kIndexMask);
}

void TensorTable::keep(double handle) {
  get(handle);
  slots_[static_cast<uint64_t>(handle) & kIndexMask].depth = 0;
}

uint32_t TensorTable::beginScope() {
  marks_.push_back(owned_.size());
  return scopeDepth();
}

void TensorTable::endScope(uint32_t depth, const std::vector<double>& survivors) {
  TORCH_CHECK(depth == scopeDepth() && depth > 0, "scopes must end in the reverse order of their start");
  const size_t begin = marks_.back();
  std::vector<uint32_t> moved;
  for (double handle : survivors) {
    if (find(handle) == nullptr) continue;
    const auto index = static_cast<uint32_t>(static_cast<uint64_t>(handle) & kIndexMask);
    if (slots_[index].depth != depth) continue;
    slots_[index].depth = depth - 1;
    if (depth > 1) moved.push_back(index);
  }
  // A slot may be listed twice (freed early and reused): its depth says whether it is still to be freed.
  for (size_t i = owned_.size(); i-- > begin;) {
    const uint32_t index = owned_[i];
    if (slots_[index].used && slots_[index].depth == depth) release(index);
  }
  owned_.resize(begin);
  marks_.pop_back();
  owned_.insert(owned_.end(), moved.begin(), moved.end());
}

at::Tensor& tensorOf(napi_env env, napi_value handle) { return environment(env).tensors.get(toDouble(env, handle)); }

}  // namespace roc
