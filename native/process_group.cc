#include "process_group.h"

#ifdef ROC_DISTRIBUTED

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

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

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long a query of the store may take when the process that serves it may have ended.
constexpr auto kPatience = std::chrono::seconds(5);
// How long one attempt to reach the store may take; between two of them the caller may give up.
constexpr auto kAttempt = std::chrono::seconds(2);
constexpr auto kPoll = milliseconds(20);
// Between two signs of life of rank 0, at most, and their key.
constexpr auto kSignOfLife = std::chrono::seconds(1);
constexpr char kAlive[] = "alive";
// How long processes that have all come may take to connect with each other.
constexpr auto kMesh = std::chrono::seconds(60);

// NCCL's end after a failure: without waiting for the other processes, where this version of libtorch knows how.
template <typename Group>
auto abortAll(Group& group, int) -> decltype(group.abort(), void()) {
  group.abort();
}
template <typename Group>
void abortAll(Group& group, long) {
  group.shutdown();
}

// Sets a key of the store to another text at intervals while it lives, on a thread of its own: work that blocks all other
// threads of this process must not look as if it had ended.
class LifeSigns {
 public:
  template <typename Publish>
  LifeSigns(milliseconds interval, Publish publish)
      : thread_([this, interval, publish] {
          for (uint64_t sign = 1; sleepsFor(interval); ++sign) {
            try {
              publish(std::to_string(sign));
            } catch (...) {  // The process that serves the store has ended; the next operation reports it.
              return;
            }
          }
        }) {}
  ~LifeSigns() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 private:
  bool sleepsFor(milliseconds interval) {
    std::unique_lock<std::mutex> lock(mutex_);
    return !changed_.wait_for(lock, interval, [this] { return ended_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::thread thread_;  // last: it uses the others
};

class C10dTransfer : public Transfer {
 public:
  explicit C10dTransfer(intrusive_ptr<c10d::Work> work) : work_(std::move(work)) {}
  void wait() override { TORCH_CHECK(work_->wait(), "the operation was aborted"); }

 private:
  intrusive_ptr<c10d::Work> work_;
};

class C10dGroup : public ProcessGroup {
 public:
  explicit C10dGroup(const GroupOptions& options) : size_(options.size), timeout_(options.timeout) {
    const auto deadline = steady_clock::now() + options.timeout;
    store_ = reachStore(options, deadline);
    meet(options, deadline);
    store_->setTimeout(options.timeout);
    gloo_ = connectGloo(options);
#ifdef USE_C10D_NCCL
    if (options.nccl) nccl_ = connectNccl(options);
#endif
    if (options.rank == 0) {
      const auto interval = std::max(milliseconds(1), std::min<milliseconds>(kSignOfLife, options.timeout / 5));
      signs_.emplace(interval, [this](const std::string& sign) { publish(kAlive, sign); });
    }
  }

  ~C10dGroup() override {
    try {
      disconnect();
    } catch (...) {
    }
  }

  int size() const override { return size_; }

  std::unique_ptr<Transfer> allReduce(at::Tensor tensor) override {
    std::vector<at::Tensor> tensors{tensor};
    return started(backend(tensor).allreduce(tensors, within(c10d::AllreduceOptions())));
  }

  std::unique_ptr<Transfer> broadcast(at::Tensor tensor, int from) override {
    std::vector<at::Tensor> tensors{tensor};
    auto options = within(c10d::BroadcastOptions());
    options.rootRank = from;
    return started(backend(tensor).broadcast(tensors, options));
  }

  std::unique_ptr<Transfer> allGather(at::Tensor tensor, std::vector<at::Tensor> into) override {
    std::vector<at::Tensor> tensors{tensor};
    std::vector<std::vector<at::Tensor>> outputs{std::move(into)};
    return started(backend(tensor).allgather(outputs, tensors, within(c10d::AllgatherOptions())));
  }

  std::unique_ptr<Transfer> reduceScatter(at::Tensor tensor, at::Tensor into) override {
    return started(backend(tensor)._reduce_scatter_base(into, tensor, within(c10d::ReduceScatterOptions())));
  }

  std::unique_ptr<Transfer> barrier() override { return started(gloo().barrier(within(c10d::BarrierOptions()))); }

  void publish(const std::string& key, const std::string& text) override {
    const std::lock_guard<std::mutex> lock(asking_);
    const Patience patience(*store_);
    put(key, text);
  }

  std::optional<std::string> find(const std::string& key) override {
    const std::lock_guard<std::mutex> lock(asking_);
    const Patience patience(*store_);
    if (!store_->check({key})) return std::nullopt;
    const auto bytes = store_->get(key);
    return std::string(bytes.begin(), bytes.end());
  }

  // c10d warns about a group of NCCL's that is not ended by one of these two.
  void disconnect() override {
    signs_.reset();
#ifdef USE_C10D_NCCL
    if (nccl_) abortAll(*nccl_, 0);
    nccl_.reset();
#endif
    gloo_.reset();
  }

  void shutdown() override {
    signs_.reset();
#ifdef USE_C10D_NCCL
    if (nccl_) nccl_->shutdown();
    nccl_.reset();
#endif
    gloo_.reset();
  }

 private:
  static std::unique_ptr<Transfer> started(intrusive_ptr<c10d::Work> work) {
    return std::make_unique<C10dTransfer>(std::move(work));
  }

  // While it lives, a question to the store takes no longer than that.
  class Patience {
   public:
    explicit Patience(c10d::Store& store) : store_(store), before_(store.getTimeout()) {
      store_.setTimeout(kPatience);
    }
    ~Patience() { store_.setTimeout(before_); }

   private:
    c10d::Store& store_;
    milliseconds before_;
  };

  void put(const std::string& key, const std::string& text) {
    store_->set(key, std::vector<uint8_t>(text.begin(), text.end()));
  }

  // Operations wait as long as the options say; connecting has a time of its own.
  template <typename Options>
  Options within(Options options) const {
    options.timeout = timeout_;
    return options;
  }

  static milliseconds left(steady_clock::time_point deadline) {
    return std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
  }

  static void checkCancelled(const GroupOptions& options) {
    TORCH_CHECK(!options.cancelled || !options.cancelled->load(), "cancelled");
  }

  // A process that does not serve the store retries: the one that does may start later.
  static intrusive_ptr<c10d::Store> reachStore(const GroupOptions& options, steady_clock::time_point deadline) {
    c10d::TCPStoreOptions storeOptions;
    storeOptions.port = static_cast<uint16_t>(options.port);
    storeOptions.isServer = options.serves;
    storeOptions.numWorkers = static_cast<size_t>(options.size);
    storeOptions.waitWorkers = false;
    // The other kind of server would call the libuv inside Node, which is not the version that libtorch was built on.
    storeOptions.useLibUV = false;
    for (;;) {
      checkCancelled(options);
      storeOptions.timeout = std::max(milliseconds(1), std::min<milliseconds>(kAttempt, left(deadline)));
      try {
        return make_intrusive<c10d::PrefixStore>(options.prefix,
                                                 make_intrusive<c10d::TCPStore>(options.host, storeOptions));
      } catch (const std::exception&) {
        if (options.serves || left(deadline) <= kPoll) throw;
      }
      std::this_thread::sleep_for(kPoll);
    }
  }

  // Waits until all processes have come to the store.
  void meet(const GroupOptions& options, steady_clock::time_point deadline) {
    const Patience patience(*store_);
    put("came/" + std::to_string(options.rank), "");
    for (int rank = 0; rank < options.size; ++rank) {
      while (!store_->check({"came/" + std::to_string(rank)})) {
        checkCancelled(options);
        TORCH_CHECK(left(deadline).count() > 0, "rank ", rank, " has not come");
        std::this_thread::sleep_for(kPoll);
      }
    }
  }

  intrusive_ptr<c10d::Backend> connectGloo(const GroupOptions& options) {
    auto glooOptions = c10d::ProcessGroupGloo::Options::create(std::min<milliseconds>(kMesh, options.timeout));
    // As PyTorch does: the interface of this variable, else the one of the host's address.
    const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
    glooOptions->devices.push_back(interface != nullptr
                                       ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                       : c10d::ProcessGroupGloo::createDefaultDevice());
    auto store = make_intrusive<c10d::PrefixStore>("gloo", store_);
    return make_intrusive<c10d::ProcessGroupGloo>(store, options.rank, options.size, glooOptions);
  }

#ifdef USE_C10D_NCCL
  intrusive_ptr<c10d::ProcessGroupNCCL> connectNccl(const GroupOptions& options) {
    auto ncclOptions = c10d::ProcessGroupNCCL::Options::create();
    ncclOptions->timeout = options.timeout;
    const intrusive_ptr<c10d::Store> store = make_intrusive<c10d::PrefixStore>("nccl", store_);
    return make_intrusive<c10d::ProcessGroupNCCL>(store, options.rank, options.size, ncclOptions);
  }
#endif

  c10d::Backend& backend(const at::Tensor& tensor) {
    TORCH_CHECK(tensor.is_contiguous(), "expected a contiguous tensor");
#ifdef USE_C10D_NCCL
    if (nccl_ && tensor.is_cuda()) return *nccl_;
#endif
    return gloo();
  }

  c10d::Backend& gloo() {
    TORCH_CHECK(gloo_, "this process has left its group");
    return *gloo_;
  }

  int size_;
  milliseconds timeout_;
  intrusive_ptr<c10d::Store> store_;
  std::mutex asking_;  // one question to the store at a time
  intrusive_ptr<c10d::Backend> gloo_;
  std::optional<LifeSigns> signs_;
#ifdef USE_C10D_NCCL
  intrusive_ptr<c10d::ProcessGroupNCCL> nccl_;
#endif
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
