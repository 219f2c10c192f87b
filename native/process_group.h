// The processes that train together: connections between them and the collective operations.
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
  // `into`: one tensor per process, each shaped as `tensor`.
  virtual std::unique_ptr<Transfer> allGather(at::Tensor tensor, std::vector<at::Tensor> into) = 0;
  // The sum's part of this process; `tensor` holds the parts of all processes, concatenated.
  virtual std::unique_ptr<Transfer> reduceScatter(at::Tensor tensor, at::Tensor into) = 0;
  virtual std::unique_ptr<Transfer> barrier() = 0;

  // Texts by key that every process sees, as long as the one that serves them lives. `find` does not wait for a key. The value
  // of "alive" changes every second, or five times per time-out, while rank 0 lives.
  virtual void publish(const std::string& key, const std::string& text) = 0;
  virtual std::optional<std::string> find(const std::string& key) = 0;
  // Closes the connections after a failure, except the one to the store.
  virtual void disconnect() = 0;
  // Closes the connections once all processes are done.
  virtual void shutdown() = 0;
};

struct GroupOptions {
  std::string host;
  int port;
  int rank;
  int size;
  bool serves;         // whether this process serves the store at host:port; else another one does
  std::string prefix;  // of keys in the store
  bool nccl;           // for tensors on a GPU; else Gloo copies them through the CPU
  std::chrono::milliseconds timeout;
  std::shared_ptr<std::atomic<bool>> cancelled;  // set when a process is known not to join
};

// Names of what this build can connect processes with: "gloo", "nccl"; none where libtorch has no c10d with Gloo.
std::vector<std::string> backendNames();

// Returns when all processes are connected; throws after the time-out, and soon after `cancelled` is set.
std::shared_ptr<ProcessGroup> connect(const GroupOptions& options);

}  // namespace roc
