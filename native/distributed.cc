#include "distributed.h"

#include <functional>
#include <optional>
#include <unordered_map>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/GradMode.h>

#include "environment.h"
#include "gradient_buckets.h"
#include "javascript.h"
#include "process_group.h"

namespace roc {
namespace {

// An operation on several tensors; small ones travel together.
class Operation {
 public:
  struct Chunk {
    std::vector<at::Tensor> tensors;
    at::Tensor flat;  // the tensor itself, where it is the only one and contiguous
    std::unique_ptr<Transfer> transfer;
  };

  Operation() = default;
  explicit Operation(std::unique_ptr<Transfer> transfer) { chunks_.push_back({{}, {}, std::move(transfer)}); }
  // `start` launches the operation on a contiguous tensor; `divisor` divides its result.
  template <typename Start>
  Operation(const std::vector<at::Tensor>& tensors, int64_t bytes, int divisor, Start start) : divisor_(divisor) {
    c10::AutoGradMode noGrad(false);
    split(tensors, bytes);
    for (auto& chunk : chunks_) {
      flatten(chunk);
      chunk.transfer = start(chunk.flat);
    }
  }

  // May run on any thread.
  void wait() {
    c10::AutoGradMode noGrad(false);
    for (auto& chunk : chunks_) {
      chunk.transfer->wait();
      if (divisor_ != 1) chunk.flat.div_(divisor_);
      if (chunk.flat.defined() && !isInPlace(chunk)) copyBack(chunk);
    }
  }

 private:
  static bool isInPlace(const Chunk& chunk) { return chunk.tensors.size() == 1 && chunk.tensors[0].is_contiguous(); }

  void split(const std::vector<at::Tensor>& tensors, int64_t bytes) {
    int64_t held = 0;
    for (const auto& whole : tensors) {
      const at::Tensor tensor = whole.detach();
      const at::Tensor* last = chunks_.empty() ? nullptr : &chunks_.back().tensors.back();
      const bool alike = last != nullptr && last->dtype() == tensor.dtype() && last->device() == tensor.device();
      if (!alike || held + static_cast<int64_t>(tensor.nbytes()) > bytes) {
        chunks_.emplace_back();
        held = 0;
      }
      held += static_cast<int64_t>(tensor.nbytes());
      chunks_.back().tensors.push_back(tensor);
    }
  }

  static void flatten(Chunk& chunk) {
    if (isInPlace(chunk)) {
      chunk.flat = chunk.tensors[0];
      return;
    }
    int64_t elements = 0;
    for (const auto& tensor : chunk.tensors) elements += tensor.numel();
    chunk.flat = at::empty({elements}, chunk.tensors[0].options());
    forEachView(chunk, [](const at::Tensor& tensor, const at::Tensor& view) { view.copy_(tensor); });
  }

  static void copyBack(const Chunk& chunk) {
    forEachView(chunk, [](const at::Tensor& tensor, const at::Tensor& view) { tensor.copy_(view); });
  }

  template <typename Each>
  static void forEachView(const Chunk& chunk, Each each) {
    int64_t offset = 0;
    for (const auto& tensor : chunk.tensors) {
      each(tensor, chunk.flat.narrow(0, offset, tensor.numel()).view(tensor.sizes()));
      offset += tensor.numel();
    }
  }

  std::vector<Chunk> chunks_;
  int divisor_ = 1;
};

}  // namespace

// What an environment owns of all this.
struct Distributed {
  std::shared_ptr<ProcessGroup> group;
  std::unordered_map<int64_t, std::shared_ptr<Operation>> operations;
  int64_t nextOperation = 1;
  std::unique_ptr<GradientBuckets> buckets;
};

namespace {

Distributed& distributed(napi_env env) {
  const auto& found = environment(env).distributed;
  TORCH_CHECK(found != nullptr, "this process is in no group");
  return *found;
}

ProcessGroup& groupOf(napi_env env) { return *distributed(env).group; }

std::vector<at::Tensor> tensorsOf(napi_env env, napi_value handles) {
  std::vector<at::Tensor> tensors;
  forEach(env, handles, [&](napi_value handle) { tensors.push_back(tensorOf(env, handle)); });
  return tensors;
}

// Bytes that travel together.
int64_t bytesIn(napi_env env, napi_value value) {
  return toInt<int64_t>(env, value, "the number of bytes", 1, static_cast<int64_t>(kMaxSafeInteger));
}

// All rows, where their number is -1.
GradientBuckets::Part partOf(const at::Tensor& tensor, int64_t first, int64_t rows) {
  const int64_t most = tensor.dim() == 0 ? 0 : tensor.size(0);
  expect(rows == -1 || (first >= 0 && rows >= 0 && first <= most && rows <= most - first), rows, " rows from row ", first,
         " on are not those of a tensor of shape [", tensor.sizes(), "]");
  return {tensor, first, rows};
}

// Keeps an operation until it is waited for; its number is what JavaScript gets.
napi_value underWay(napi_env env, std::shared_ptr<Operation> operation) {
  Distributed& all = distributed(env);
  const int64_t id = all.nextOperation++;
  all.operations.emplace(id, std::move(operation));
  return number(env, static_cast<double>(id));
}

std::shared_ptr<Operation> take(napi_env env, napi_value id) {
  auto& operations = distributed(env).operations;
  const auto found = operations.find(toInt(env, id));
  expect(found != operations.end(), "the operation was waited for already");
  auto operation = std::move(found->second);
  operations.erase(found);
  return operation;
}

// Work on a thread of Node's pool, so that a long wait leaves the event loop free.
struct Job {
  std::function<void()> run;                // on the pool
  std::function<void(napi_env)> succeeded;  // on JavaScript's thread
  napi_deferred deferred = nullptr;
  napi_async_work work = nullptr;
  std::optional<Thrown> failure;
};

void runJob(napi_env, void* data) {
  auto* job = static_cast<Job*>(data);
  try {
    job->run();
  } catch (...) {
    job->failure = current();
  }
}

void settle(napi_env env, Job& job, napi_status status) {
  if (!job.failure && status != napi_ok) job.failure = Thrown{"INTERNAL", "the work did not run"};
  if (!job.failure && job.succeeded) job.succeeded(env);
  if (!job.failure) {
    check(env, napi_resolve_deferred(env, job.deferred, undefined(env)));
    return;
  }
  napi_value error = nullptr;
  check(env, napi_create_error(env, text(env, job.failure->code), text(env, job.failure->message), &error));
  check(env, napi_reject_deferred(env, job.deferred, error));
}

void endJob(napi_env env, napi_status status, void* data) {
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  guarded(env, [&] {
    settle(env, *job, status);
    check(env, napi_delete_async_work(env, job->work));
    return nullptr;
  });
}

napi_value promise(napi_env env, std::function<void()> run, std::function<void(napi_env)> succeeded = nullptr) {
  auto job = std::make_unique<Job>();
  job->run = std::move(run);
  job->succeeded = std::move(succeeded);
  napi_value result = nullptr;
  check(env, napi_create_promise(env, &job->deferred, &result));
  check(env, napi_create_async_work(env, nullptr, text(env, "roc4mllm"), runJob, endJob, job.get(), &job->work));
  check(env, napi_queue_async_work(env, job->work));
  job.release();  // endJob() has it from here on
  return result;
}

}  // namespace

napi_value distributedBackends(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    const auto names = backendNames();
    return array(env, names.size(), [&](size_t i) { return text(env, names[i]); });
  });
}

// joinGroup(host, port, rank, size, serves, prefix, nccl, timeout in ms) -> promise
napi_value joinGroup(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<8> in(env, info);
    TORCH_CHECK(environment(env).distributed == nullptr, "this process is in a group already");
    environment(env).cancelled = std::make_shared<std::atomic<bool>>(false);
    const GroupOptions options{toString(env, in[0]),
                               toInt<uint16_t>(env, in[1], "the port", 1),
                               toInt<int>(env, in[2], "the rank", 0),
                               toInt<int>(env, in[3], "the number of processes", 1),
                               toBool(env, in[4]),
                               toString(env, in[5]),
                               toBool(env, in[6]),
                               std::chrono::milliseconds(toInt<int32_t>(env, in[7], "the time-out in ms", 1)),
                               environment(env).cancelled};
    expect(options.rank < options.size, "rank ", options.rank, " of ", options.size, " processes");
    auto joined = std::make_shared<Distributed>();
    return promise(
        env, [options, joined] { joined->group = connect(options); },
        [joined](napi_env done) { environment(done).distributed = joined; });
  });
}

// Makes a joinGroup() that is under way fail.
napi_value giveUpGroup(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    if (const auto& flag = environment(env).cancelled) flag->store(true);
    return undefined(env);
  });
}

// leaveGroup(ended): `ended`: all processes have come to their end
napi_value leaveGroup(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    const auto left = std::move(environment(env).distributed);
    environment(env).distributed.reset();
    if (left != nullptr && toBool(env, in[0])) left->group->shutdown();
    return undefined(env);
  });
}

napi_value groupDisconnect(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    groupOf(env).disconnect();
    return undefined(env);
  });
}

// groupPublish(key, text)
napi_value groupPublish(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    groupOf(env).publish(toString(env, in[0]), toString(env, in[1]));
    return undefined(env);
  });
}

// groupFind(key) -> text or null
napi_value groupFind(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    const auto found = groupOf(env).find(toString(env, in[0]));
    return found ? text(env, *found) : null(env);
  });
}

// groupAllReduce(handles, mean, bytes) -> operation; in place
napi_value groupAllReduce(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<3> in(env, info);
    ProcessGroup& group = groupOf(env);
    const int divisor = toBool(env, in[1]) ? group.size() : 1;
    return underWay(env, std::make_shared<Operation>(tensorsOf(env, in[0]), bytesIn(env, in[2]), divisor,
                                                     [&](const at::Tensor& flat) { return group.allReduce(flat); }));
  });
}

// groupBroadcast(handles, rank, bytes) -> operation; in place
napi_value groupBroadcast(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<3> in(env, info);
    ProcessGroup& group = groupOf(env);
    const int from = toInt<int>(env, in[1], "the rank", 0, group.size() - 1);
    return underWay(env, std::make_shared<Operation>(tensorsOf(env, in[0]), bytesIn(env, in[2]), 1, [&](const at::Tensor& flat) {
                      return group.broadcast(flat, from);
                    }));
  });
}

// groupAllGather(handle) -> [operation, handles]: the tensors of all processes, once the operation was waited for
napi_value groupAllGather(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    ProcessGroup& group = groupOf(env);
    const at::Tensor tensor = tensorOf(env, in[0]).detach().contiguous();
    std::vector<at::Tensor> into;
    for (int i = 0; i < group.size(); ++i) into.push_back(at::empty_like(tensor));
    auto operation = std::make_shared<Operation>(group.allGather(tensor, into));
    const napi_value handles = array(
        env, into.size(), [&](size_t i) { return number(env, environment(env).tensors.add(into[i])); });
    const napi_value results[] = {underWay(env, std::move(operation)), handles};
    return array(env, 2, [&](size_t i) { return results[i]; });
  });
}

// groupReduceScatter(handle) -> [operation, handle]: this process's part of the sum, cut along the first dimension
napi_value groupReduceScatter(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    ProcessGroup& group = groupOf(env);
    const at::Tensor tensor = tensorOf(env, in[0]).detach().contiguous();
    auto shape = tensor.sizes().vec();
    expect(!shape.empty() && shape[0] % group.size() == 0, "the first dimension of [", tensor.sizes(),
           "] cannot be cut into ", group.size(), " parts");
    shape[0] /= group.size();
    const at::Tensor into = at::empty(shape, tensor.options());
    auto operation = std::make_shared<Operation>(group.reduceScatter(tensor, into));
    const napi_value results[] = {underWay(env, std::move(operation)), number(env, environment(env).tensors.add(into))};
    return array(env, 2, [&](size_t i) { return results[i]; });
  });
}

// groupBarrier() -> operation
napi_value groupBarrier(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return underWay(env, std::make_shared<Operation>(groupOf(env).barrier())); });
}

// groupWait(operation)
napi_value groupWait(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    take(env, in[0])->wait();
    return undefined(env);
  });
}

// groupFinished(operation) -> promise
napi_value groupFinished(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    return promise(env, [operation = take(env, in[0]), owner = environment(env).distributed] { operation->wait(); });
  });
}

// attachGradients(handles, first rows, numbers of rows (-1: all), bytes of a bucket)
napi_value attachGradients(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<4> in(env, info);
    const auto tensors = tensorsOf(env, in[0]);
    const auto first = toInts(env, in[1]);
    const auto rows = toInts(env, in[2]);
    std::vector<GradientBuckets::Part> parts;
    expect(first.size() == tensors.size() && rows.size() == tensors.size(), "one first row and number of rows per tensor");
    for (size_t i = 0; i < tensors.size(); ++i) parts.push_back(partOf(tensors[i], first[i], rows[i]));
    Distributed& all = distributed(env);
    TORCH_CHECK(all.buckets == nullptr, "gradients are attached already");
    all.buckets = std::make_unique<GradientBuckets>(all.group, std::move(parts), bytesIn(env, in[3]));
    return undefined(env);
  });
}

napi_value detachGradients(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    // The group may be gone already: its gradients are then, too.
    if (const auto& found = environment(env).distributed) found->buckets.reset();
    return undefined(env);
  });
}

napi_value armGradients(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    TORCH_CHECK(distributed(env).buckets != nullptr, "no gradients are attached");
    distributed(env).buckets->arm();
    return undefined(env);
  });
}

// finishGradients() -> number of buckets that were sent before
napi_value finishGradients(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    TORCH_CHECK(distributed(env).buckets != nullptr, "no gradients are attached");
    return number(env, static_cast<double>(distributed(env).buckets->finish()));
  });
}

}  // namespace roc
