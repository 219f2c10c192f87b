#include "gradient_buckets.h"

#include <algorithm>
#include <unordered_map>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace roc {
namespace {

bool isWhole(const GradientBuckets::Part& part) { return part.rows < 0; }

// The shape of what is summed.
std::vector<int64_t> shapeOf(const GradientBuckets::Part& part) {
  auto shape = part.parameter.sizes().vec();
  if (!isWhole(part)) shape.at(0) = part.rows;
  return shape;
}

at::Tensor partOf(const at::Tensor& gradient, const GradientBuckets::Part& part) {
  return isWhole(part) ? gradient : gradient.narrow(0, part.first, part.rows);
}

}  // namespace

// Runs after a gradient was added to its parameter, on whichever thread backward runs.
struct GradientBuckets::Hook : torch::autograd::PostAccumulateGradHook {
  explicit Hook(GradientBuckets& owner) : buckets(owner) {}
  void operator()(const at::Tensor&) override {
    for (size_t slot : slots) buckets.arrived(slot);
  }
  GradientBuckets& buckets;
  std::vector<size_t> slots;
};

GradientBuckets::GradientBuckets(std::shared_ptr<ProcessGroup> group, std::vector<Part> parts, int64_t bucketBytes)
    : group_(std::move(group)) {
  fill(std::move(parts), bucketBytes);
  attachHooks();
}

GradientBuckets::~GradientBuckets() {
  for (const auto& slot : slots_) torch::autograd::impl::set_post_acc_grad_hooks(slot.part.parameter, nullptr);
}

void GradientBuckets::fill(std::vector<Part> parts, int64_t bucketBytes) {
  std::reverse(parts.begin(), parts.end());
  for (auto& part : parts) {
    Slot slot;
    slot.part = part;
    slot.elements = c10::multiply_integers(shapeOf(part));
    const at::Tensor& parameter = part.parameter;
    const at::Tensor* last = slots_.empty() ? nullptr : &slots_.back().part.parameter;
    const bool alike = last != nullptr && last->dtype() == parameter.dtype() && last->device() == parameter.device();
    if (!alike || (buckets_.back().elements + slot.elements) * parameter.element_size() > bucketBytes) {
      buckets_.emplace_back();
    }
    Bucket& bucket = buckets_.back();
    slot.bucket = buckets_.size() - 1;
    slot.offset = bucket.elements;
    bucket.elements += slot.elements;
    bucket.slots.push_back(slots_.size());
    slots_.push_back(std::move(slot));
  }
}

void GradientBuckets::attachHooks() {
  std::unordered_map<c10::TensorImpl*, Hook*> hooks;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const at::Tensor& parameter = slots_[i].part.parameter;
    Hook*& hook = hooks[parameter.unsafeGetTensorImpl()];
    if (hook == nullptr) {
      auto made = std::make_unique<Hook>(*this);
      hook = made.get();
      torch::autograd::impl::set_post_acc_grad_hooks(parameter, std::move(made));
    }
    hook->slots.push_back(i);
  }
}

void GradientBuckets::arm() {
  for (auto& slot : slots_) slot.arrivals = 0;
  for (auto& bucket : buckets_) bucket.missing = bucket.slots.size();
  next_ = 0;
  late_ = false;
  armed_ = true;
}

void GradientBuckets::arrived(size_t index) {
  if (!armed_) return;
  Slot& slot = slots_[index];
  ++slot.arrivals;
  if (slot.bucket < next_) late_ = true;
  if (slot.arrivals != slot.expected) return;
  --buckets_[slot.bucket].missing;
  sendReady(false);
}

void GradientBuckets::sendReady(bool all) {
  for (; next_ < buckets_.size() && (all || buckets_[next_].missing == 0); ++next_) send(buckets_[next_]);
}

at::Tensor GradientBuckets::viewOf(const Slot& slot) const {
  return buckets_[slot.bucket].flat.narrow(0, slot.offset, slot.elements).view(shapeOf(slot.part));
}

void GradientBuckets::send(Bucket& bucket) {
  c10::AutoGradMode noGrad(false);
  const auto count = static_cast<int64_t>(bucket.slots.size());
  bucket.flat = at::empty({bucket.elements + count}, slots_[bucket.slots.front()].part.parameter.options());
  for (int64_t i = 0; i < count; ++i) {
    const Slot& slot = slots_[bucket.slots[static_cast<size_t>(i)]];
    const at::Tensor& gradient = slot.part.parameter.grad();
    at::Tensor view = viewOf(slot);
    if (gradient.defined()) {
      view.copy_(partOf(gradient, slot.part));
    } else {
      view.zero_();
    }
    bucket.flat.narrow(0, bucket.elements + i, 1).fill_(gradient.defined() ? 1 : 0);
    // From here on the bucket is the gradient: there is no second copy of it.
    if (isWhole(slot.part) && slot.part.parameter.is_contiguous()) slot.part.parameter.mutable_grad() = view;
  }
  bucket.transfer = group_->allReduce(bucket.flat);
}

void GradientBuckets::deliver(const Bucket& bucket) {
  const auto count = static_cast<int64_t>(bucket.slots.size());
  const at::Tensor holders = bucket.flat.narrow(0, bucket.elements, count).to(at::kCPU, at::kFloat);
  for (int64_t i = 0; i < count; ++i) {
    const Slot& slot = slots_[bucket.slots[static_cast<size_t>(i)]];
    const at::Tensor& parameter = slot.part.parameter;
    at::Tensor& gradient = parameter.mutable_grad();
    const bool used = holders.const_data_ptr<float>()[i] > 0;
    if (isWhole(slot.part) && parameter.is_contiguous()) {
      if (!used) gradient.reset();
    } else if (used) {
      if (!gradient.defined()) gradient = at::zeros_like(parameter);
      partOf(gradient, slot.part).copy_(viewOf(slot));
    }
  }
}

size_t GradientBuckets::finish() {
  c10::AutoGradMode noGrad(false);
  armed_ = false;
  const size_t early = next_;
  sendReady(true);
  for (auto& bucket : buckets_) {
    bucket.transfer->wait();
    deliver(bucket);
    bucket.transfer.reset();
    bucket.flat.reset();
  }
  for (auto& slot : slots_) slot.expected = std::max(slot.expected, slot.arrivals);
  TORCH_CHECK(!late_, "a gradient came after it had been sent: backward took another way than in the steps before");
  return early;
}

}  // namespace roc
