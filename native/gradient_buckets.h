// Gradients summed over the processes while backward still computes (Li et al., PyTorch Distributed, VLDB 2020).
//
// The trained parameters are put into buckets in the reverse order of their use, about the order in which backward makes
// their gradients. A hook on each parameter counts; when all gradients of a bucket are there, it is sent. Buckets are sent
// in their order, which is the same in every process.
#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "process_group.h"

namespace roc {

class GradientBuckets {
 public:
  // A parameter, or some of its rows.
  struct Part {
    at::Tensor parameter;
    int64_t first = 0;
    int64_t rows = -1;  // -1: all
  };

  GradientBuckets(std::shared_ptr<ProcessGroup> group, std::vector<Part> parts, int64_t bucketBytes);
  ~GradientBuckets();
  GradientBuckets(const GradientBuckets&) = delete;
  GradientBuckets& operator=(const GradientBuckets&) = delete;

  // From here on gradients are sent as soon as they are there: to be called before the last backward of a step.
  void arm();
  // Sends what has no gradient here, waits for everything and leaves the sums in the parameters' gradients. A parameter
  // that has no gradient in any process gets none. Returns how many buckets were sent before.
  size_t finish();

 private:
  struct Hook;
  struct Slot {
    Part part;
    size_t bucket = 0;
    int64_t offset = 0;
    int64_t elements = 0;
    // A parameter that several backwards of a step reach (recomputed layers, tied weights) gets its gradient in pieces;
    // how many is learned from the steps before.
    int arrivals = 0;
    int expected = 0;
  };
  struct Bucket {
    std::vector<size_t> slots;
    int64_t elements = 0;
    size_t missing = 0;
    // The gradients one after another, then for each whether this process has one (0 or 1).
    at::Tensor flat;
    std::unique_ptr<Transfer> transfer;
  };

  void fill(std::vector<Part> parts, int64_t bucketBytes);
  void attachHooks();
  void arrived(size_t slot);
  void sendReady(bool all);
  void send(Bucket& bucket);
  void deliver(const Bucket& bucket);
  at::Tensor viewOf(const Slot& slot) const;

  std::shared_ptr<ProcessGroup> group_;
  std::vector<Slot> slots_;
  std::vector<Bucket> buckets_;
  size_t next_ = 0;
  bool armed_ = false;
  bool late_ = false;
};

}  // namespace roc
