#include "process_group.h"

#ifdef ROC_DISTRIBUTED

#include <cstdlib>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace roc {
namespace {

using c10::intrusive_ptr;
using c10::make_intrusive;

// How long a question to the store may take when the process that keeps it may be gone.
constexpr auto kPatience = std::chrono::seconds(5);

class C10dTransfer : public Transfer {
 public:
  explicit C10dTransfer(intrusive_ptr<c10d::Work> work) : work_(std::move(work)) {}
  void wait() override { TORCH_CHECK(work_->wait(), "the operation was aborted"); }

 private:
  intrusive_ptr<c10d::Work> work_;
};

class C10dGroup : public ProcessGroup {
 public:
  explicit C10dGroup(const GroupOptions& options) : size_(options.size) {
    c10d::TCPStoreOptions storeOptions;
    storeOptions.port = static_cast<uint16_t>(options.port);
    storeOptions.isServer = options.serves;
    storeOptions.numWorkers = static_cast<size_t>(options.size);
    storeOptions.timeout = options.timeout;
    // The other kind of server would call the libuv inside Node, which is not the version that libtorch was built on.
    storeOptions.useLibUV = false;
    store_ = make_intrusive<c10d::PrefixStore>(options.prefix,
                                               make_intrusive<c10d::TCPStore>(options.host, storeOptions));
    gloo_ = connectGloo(options);
#ifdef USE_C10D_NCCL
    if (options.nccl) nccl_ = connectNccl(options);
#endif
  }

  int size() const override { return size_; }

  std::unique_ptr<Transfer> allReduce(at::Tensor tensor) override {
    std::vector<at::Tensor> tensors{tensor};
    return started(backend(tensor).allreduce(tensors));
  }

  std::unique_ptr<Transfer> broadcast(at::Tensor tensor, int from) override {
    std::vector<at::Tensor> tensors{tensor};
    c10d::BroadcastOptions options;
    options.rootRank = from;
    return started(backend(tensor).broadcast(tensors, options));
  }

  std::unique_ptr<Transfer> allGather(at::Tensor tensor, std::vector<at::Tensor> into) override {
    std::vector<at::Tensor> tensors{tensor};
    std::vector<std::vector<at::Tensor>> outputs{std::move(into)};
    return started(backend(tensor).allgather(outputs, tensors));
  }

  std::unique_ptr<Transfer> reduceScatter(at::Tensor tensor, at::Tensor into) override {
    return started(backend(tensor)._reduce_scatter_base(into, tensor));
  }

  std::unique_ptr<Transfer> barrier() override { return started(gloo().barrier()); }

  void publish(const std::string& key, const std::string& text) override {
    store_->setTimeout(kPatience);
    store_->set(key, std::vector<uint8_t>(text.begin(), text.end()));
  }

  std::optional<std::string> find(const std::string& key) override {
    store_->setTimeout(kPatience);
    if (!store_->check({key})) return std::nullopt;
    const auto bytes = store_->get(key);
    return std::string(bytes.begin(), bytes.end());
  }

  void disconnect() override {
    nccl_.reset();
    gloo_.reset();
  }

 private:
  static std::unique_ptr<Transfer> started(intrusive_ptr<c10d::Work> work) {
    return std::make_unique<C10dTransfer>(std::move(work));
  }

  intrusive_ptr<c10d::Backend> connectGloo(const GroupOptions& options) {
    auto glooOptions = c10d::ProcessGroupGloo::Options::create(options.timeout);
    // As PyTorch does: the interface of this variable, else the one that the host's name stands for.
    const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
    glooOptions->devices.push_back(interface != nullptr
                                       ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                       : c10d::ProcessGroupGloo::createDefaultDevice());
    auto store = make_intrusive<c10d::PrefixStore>("gloo", store_);
    return make_intrusive<c10d::ProcessGroupGloo>(store, options.rank, options.size, glooOptions);
  }

#ifdef USE_C10D_NCCL
  intrusive_ptr<c10d::Backend> connectNccl(const GroupOptions& options) {
    auto ncclOptions = c10d::ProcessGroupNCCL::Options::create();
    ncclOptions->timeout = options.timeout;
    const intrusive_ptr<c10d::Store> store = make_intrusive<c10d::PrefixStore>("nccl", store_);
    return make_intrusive<c10d::ProcessGroupNCCL>(store, options.rank, options.size, ncclOptions);
  }
#endif

  c10d::Backend& backend(const at::Tensor& tensor) {
    TORCH_CHECK(tensor.is_contiguous(), "expected a contiguous tensor");
    return nccl_ && tensor.is_cuda() ? *nccl_ : gloo();
  }

  c10d::Backend& gloo() {
    TORCH_CHECK(gloo_, "this process has left its group");
    return *gloo_;
  }

  int size_;
  intrusive_ptr<c10d::Store> store_;
  intrusive_ptr<c10d::Backend> gloo_;
  intrusive_ptr<c10d::Backend> nccl_;
};

}  // namespace

std::vector<std::string> backendNames() {
#ifdef USE_C10D_NCCL
  return {"gloo", "nccl"};
#else
  return {"gloo"};
#endif
}

std::shared_ptr<ProcessGroup> connect(const GroupOptions& options) { return std::make_shared<C10dGroup>(options); }

}  // namespace roc

#else

namespace roc {

std::vector<std::string> backendNames() { return {}; }

std::shared_ptr<ProcessGroup> connect(const GroupOptions&) {
  TORCH_CHECK(false, "the addon was built without distributed training");
}

}  // namespace roc

#endif
