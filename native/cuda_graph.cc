#include "cuda_graph.h"

#include "environment.h"
#include "javascript.h"

#ifdef ROC_CUDA_GRAPHS

#include <map>
#include <optional>

#include <ATen/Context.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/core/StreamGuard.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>

namespace roc {
namespace {

using c10::cuda::CUDAStream;

// The stream that this thread records on: one a device, because cuBLAS keeps a workspace for every stream that it has seen.
// Libraries' handles are per thread, too.
CUDAStream captureStream(c10::DeviceIndex device) {
  thread_local std::map<c10::DeviceIndex, CUDAStream> streams;
  const auto known = streams.find(device);
  if (known != streams.end()) return known->second;
  return streams.emplace(device, c10::cuda::getStreamFromPool(false, device)).first->second;
}

c10::Device cudaDevice(const std::string& name) {
  const c10::Device device(name);
  expect(device.is_cuda(), "'", name, "' is no CUDA device");
  return device.has_index() ? device : c10::Device(c10::kCUDA, c10::cuda::current_device());
}

}  // namespace

class RecordedGraph {
 public:
  explicit RecordedGraph(c10::Device device) : stream_(captureStream(device.index())) {}

  ~RecordedGraph() {
    try {
      leave(false);
    } catch (...) {
    }
  }

  // From here on operators run on the stream for capture, or are recorded instead.
  void enter(bool capture) {
    expect(!entered_.has_value(), "this graph is being recorded");
    entered_.emplace(stream_.unwrap());
    try {
      // What other streams have begun is done before, so no event is waited for inside of a recording.
      c10::cuda::device_synchronize();
      if (!capture) return;
      graph_ = std::make_unique<at::cuda::CUDAGraph>();
      pool_ = at::cuda::graph_pool_handle();
      capturing_ = true;
      // Of this thread only: others (workers, NCCL's watchdog) may call CUDA meanwhile.
      graph_->capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
    } catch (...) {
      abandon();
      throw;
    }
  }

  // Back to the stream from before. A recording that is not to be kept, or failed, is dropped.
  void leave(bool keep) {
    if (!entered_.has_value()) return;
    try {
      if (capturing_) {
        graph_->capture_end();
      } else {
        stream_.synchronize();
      }
    } catch (...) {
      abandon();
      if (keep) throw;
      return;
    }
    entered_.reset();
    if (capturing_ && !keep) graph_.reset();
    capturing_ = false;
  }

  // On the current stream.
  void replay() {
    expect(graph_ != nullptr && !entered_.has_value(), "nothing was recorded");
    graph_->replay();
  }

 private:
  // After a recording that failed, libtorch's allocator still asks the graph whose memory a block is, so it is never freed
  // (some hundred bytes); the memory that it took is given back as far as that is known.
  void abandon() {
    if (capturing_) {
      graph_.release();
      try {
        c10::cuda::CUDACachingAllocator::endAllocateToPool(stream_.device_index(), pool_);
        c10::cuda::CUDACachingAllocator::releasePool(stream_.device_index(), pool_);
      } catch (...) {
      }
    }
    capturing_ = false;
    entered_.reset();
  }

  CUDAStream stream_;
  decltype(at::cuda::graph_pool_handle()) pool_{};
  std::unique_ptr<at::cuda::CUDAGraph> graph_;
  std::optional<c10::StreamGuard> entered_;
  bool capturing_ = false;
};

namespace {

RecordedGraph& graphOf(napi_env env, napi_value id) {
  const auto& graphs = environment(env).graphs;
  const auto index = toInt<size_t>(env, id, "the graph", 0, static_cast<int64_t>(graphs.size()) - 1);
  expect(graphs[index] != nullptr, "the graph was freed");
  return *graphs[index];
}

}  // namespace

// canCapture(device) -> whether work on it can be recorded
napi_value canCapture(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    return boolean(env, c10::Device(toString(env, in[0])).is_cuda() && at::hasCUDA());
  });
}

// openGraph(device) -> id
napi_value openGraph(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    auto& graphs = environment(env).graphs;
    graphs.push_back(std::make_shared<RecordedGraph>(cudaDevice(toString(env, in[0]))));
    return integer(env, static_cast<int64_t>(graphs.size()) - 1);
  });
}

// enterGraph(id, capture): until leaveGraph, operators run on the graph's stream, or with capture are recorded
napi_value enterGraph(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    graphOf(env, in[0]).enter(toBool(env, in[1]));
    return undefined(env);
  });
}

// leaveGraph(id, keep): throws where what was recorded is to be kept and makes no graph
napi_value leaveGraph(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    graphOf(env, in[0]).leave(toBool(env, in[1]));
    return undefined(env);
  });
}

// replayGraph(id): queues the recorded work
napi_value replayGraph(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    graphOf(env, in[0]).replay();
    return undefined(env);
  });
}

// closeGraph(id): twice is harmless
napi_value closeGraph(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    auto& graphs = environment(env).graphs;
    graphs[toInt<size_t>(env, in[0], "the graph", 0, static_cast<int64_t>(graphs.size()) - 1)].reset();
    return undefined(env);
  });
}

}  // namespace roc

#else

namespace roc {
namespace {

napi_value unavailable(napi_env env) {
  return guarded(env, []() -> napi_value { TORCH_CHECK(false, "the addon was built without CUDA graphs"); });
}

}  // namespace

napi_value canCapture(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return boolean(env, false); });
}
napi_value openGraph(napi_env env, napi_callback_info) { return unavailable(env); }
napi_value enterGraph(napi_env env, napi_callback_info) { return unavailable(env); }
napi_value leaveGraph(napi_env env, napi_callback_info) { return unavailable(env); }
napi_value replayGraph(napi_env env, napi_callback_info) { return unavailable(env); }
napi_value closeGraph(napi_env env, napi_callback_info) { return unavailable(env); }

}  // namespace roc

#endif
