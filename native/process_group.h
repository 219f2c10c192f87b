// The processes that train together: connections between them and the operations that all of them take part in.
//
// Of c10d only process_group.cc knows, so that everything else compiles without it.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace roc {

// An operation under way.
class Transfer {
 public:
  virtual ~Transfer() = default;
  // Returns when the tensors hold the result (on a GPU: for all work that is queued later); throws where it failed.
  virtual void wait() = 0;
};

// Every process must call the same operations in the same order. Tensors are contiguous.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;

  virtual int size() const = 0;
  // Sum over the processes, in place.
  virtual std::unique_ptr<Transfer> allReduce(at::Tensor tensor) = 0;
  virtual std::unique_ptr<Transfer> broadcast(at::Tensor tensor, int from) = 0;
  // `into`: one tensor a process, each shaped as `tensor`.
  virtual std::unique_ptr<Transfer> allGather(at::Tensor tensor, std::vector<at::Tensor> into) = 0;
  // The sum's part of this process; `tensor` holds the parts of all of them one after another.
  virtual std::unique_ptr<Transfer> reduceScatter(at::Tensor tensor, at::Tensor into) = 0;
  virtual std::unique_ptr<Transfer> barrier() = 0;

  // Texts by key that every process sees, as long as the one that keeps them lives. `find` does not wait for a key. That of
  // "alive" changes every second, or five times in a time-out, while rank 0 lives.
  virtual void publish(const std::string& key, const std::string& text) = 0;
  virtual std::optional<std::string> find(const std::string& key) = 0;
  // Ends the connections after a failure, but for that to the texts.
  virtual void disconnect() = 0;
  // Ends the connections once all processes have come to their end.
  virtual void shutdown() = 0;
};

struct GroupOptions {
  std::string host;
  int port;
  int rank;
  int size;
  bool serves;         // whether this process keeps the store at host:port; else somebody does
  std::string prefix;  // of keys in the store
  bool nccl;           // for tensors on a GPU; else Gloo copies them through the CPU
  std::chrono::milliseconds timeout;
  std::shared_ptr<std::atomic<bool>> givenUp;  // set by somebody who knows that not all processes will come
};

// Names of what this build can connect processes with: "gloo", "nccl"; none where libtorch has no c10d with Gloo.
std::vector<std::string> backendNames();

// Returns when all processes are connected; throws after the time-out, and soon after it was given up.
std::shared_ptr<ProcessGroup> connect(const GroupOptions& options);

}  // namespace roc
