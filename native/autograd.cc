#include "autograd.h"

#include <mutex>

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/version.h>

#include "environment.h"
#include "javascript.h"
#include "types.h"

namespace roc {
namespace {

// Handles to tensors; null means "no gradient given".
std::vector<at::Tensor> tensorsOf(napi_env env, napi_value handles) {
  std::vector<at::Tensor> tensors;
  forEach(env, handles, [&](napi_value handle) {
    tensors.push_back(typeOf(env, handle) == napi_null ? at::Tensor() : tensorOf(env, handle));
  });
  return tensors;
}

c10::DeviceType deviceTypeOf(const std::string& name) {
  try {
    return c10::Device(name).type();
  } catch (const c10::Error& error) {
    throw WrongArgument(error.what_without_backtrace());
  }
}

napi_value optionalHandle(napi_env env, const at::Tensor& tensor) {
  return tensor.defined() ? number(env, environment(env).tensors.add(tensor)) : null(env);
}

}  // namespace

Autocast::Autocast(c10::DeviceType device, c10::ScalarType dtype)
    : device_(device),
      wasOn_(at::autocast::is_autocast_enabled(device)),
      dtypeBefore_(at::autocast::get_autocast_dtype(device)) {
  at::autocast::set_autocast_dtype(device, dtype);
  at::autocast::set_autocast_enabled(device, true);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, wasOn_);
  at::autocast::set_autocast_dtype(device_, dtypeBefore_);
}

// backward(roots, gradients, retainGraph): adds to the leaves' gradients
napi_value backward(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<3> in(env, info);
    torch::autograd::backward(tensorsOf(env, in[0]), tensorsOf(env, in[1]), toBool(env, in[2]));
    return undefined(env);
  });
}

// gradients(outputs, inputs, gradients, retainGraph, createGraph) -> handles, null where an input was not used
napi_value gradients(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<5> in(env, info);
    const auto found = torch::autograd::grad(tensorsOf(env, in[0]), tensorsOf(env, in[1]), tensorsOf(env, in[2]),
                                             toBool(env, in[3]), toBool(env, in[4]), true);
    return array(env, found.size(), [&](size_t i) { return optionalHandle(env, found[i]); });
  });
}

napi_value requiresGrad(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    return boolean(env, tensorOf(env, in[0]).requires_grad());
  });
}

napi_value setRequiresGrad(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    tensorOf(env, in[0]).set_requires_grad(toBool(env, in[1]));
    return undefined(env);
  });
}

napi_value gradOf(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    return optionalHandle(env, tensorOf(env, in[0]).grad());
  });
}

// setGrad(handle, gradient or null)
napi_value setGrad(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    tensorOf(env, in[0]).mutable_grad() = typeOf(env, in[1]) == napi_null ? at::Tensor() : tensorOf(env, in[1]);
    return undefined(env);
  });
}

// setGradMode(on) -> the mode before
napi_value setGradMode(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    const bool before = c10::GradMode::is_enabled();
    c10::GradMode::set_enabled(toBool(env, in[0]));
    return boolean(env, before);
  });
}

napi_value pushInferenceMode(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    environment(env).inferenceGuards.push_back(std::make_unique<c10::InferenceMode>(true));
    return undefined(env);
  });
}

napi_value popInferenceMode(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    auto& guards = environment(env).inferenceGuards;
    TORCH_CHECK(!guards.empty(), "not in inference mode");
    guards.pop_back();
    return undefined(env);
  });
}

// pushAutocast(device type, dtype)
napi_value pushAutocast(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    const auto device = deviceTypeOf(toString(env, in[0]));
    environment(env).autocasts.push_back(std::make_unique<Autocast>(device, dtypeOf(toString(env, in[1]))));
    return undefined(env);
  });
}

// Ends the innermost one; the cast copies are freed with the outermost.
napi_value popAutocast(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    auto& autocasts = environment(env).autocasts;
    TORCH_CHECK(!autocasts.empty(), "not in autocast");
    autocasts.pop_back();
    return undefined(env);
  });
}

napi_value manualSeed(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    // As in PyTorch, a negative seed is that of 2^64 more.
    at::manual_seed(static_cast<uint64_t>(toInt(env, in[0])));
    return undefined(env);
  });
}

namespace {

// Those of the CPU and of every GPU that a seed goes to.
std::vector<at::Generator> generators() {
  auto& context = at::globalContext();
  std::vector<at::Generator> all{context.defaultGenerator(at::kCPU)};
  const int gpus = context.hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  for (int i = 0; i < gpus; ++i) {
    all.push_back(context.defaultGenerator({at::kCUDA, static_cast<c10::DeviceIndex>(i)}));
  }
  return all;
}

}  // namespace

// generatorStates() -> handles, for setGeneratorStates()
napi_value generatorStates(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    auto all = generators();
    return array(env, all.size(), [&](size_t i) {
      const std::lock_guard<std::mutex> lock(all[i].mutex());
      return number(env, environment(env).tensors.add(all[i].get_state()));
    });
  });
}

napi_value setGeneratorStates(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    auto all = generators();
    const auto states = tensorsOf(env, in[0]);
    expect(states.size() == all.size(), states.size(), " states for ", all.size(), " generators");
    for (size_t i = 0; i < all.size(); ++i) {
      const std::lock_guard<std::mutex> lock(all[i].mutex());
      all[i].set_state(states[i]);
    }
    return undefined(env);
  });
}

napi_value hasCuda(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return boolean(env, at::globalContext().hasCUDA()); });
}

// deviceCount(kind) -> devices of a kind ("cuda") that are here
napi_value deviceCount(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    const auto type = deviceTypeOf(toString(env, in[0]));
    const bool known = c10::impl::hasDeviceGuardImpl(type);
    return number(env, known ? c10::impl::getDeviceGuardImpl(type)->deviceCount() : 0);
  });
}

napi_value version(napi_env env, napi_callback_info) { return text(env, TORCH_VERSION); }

}  // namespace roc
