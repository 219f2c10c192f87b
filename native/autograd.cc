#include "autograd.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/version.h>

#include "allocator.h"
#include "environment.h"
#include "javascript.h"
#include "types.h"

namespace roc {
namespace {

// Handles to tensors; null stands for "no gradient given".
std::vector<at::Tensor> tensorsOf(napi_env env, napi_value handles) {
  std::vector<at::Tensor> tensors;
  forEach(env, handles, [&](napi_value handle) {
    napi_valuetype type;
    napi_typeof(env, handle, &type);
    tensors.push_back(type == napi_null ? at::Tensor() : tensorOf(env, handle));
  });
  return tensors;
}

napi_value optionalHandle(napi_env env, const at::Tensor& tensor) {
  return tensor.defined() ? number(env, environment(env).tensors.add(tensor)) : null(env);
}

}  // namespace

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
    napi_valuetype type;
    napi_typeof(env, in[1], &type);
    tensorOf(env, in[0]).mutable_grad() = type == napi_null ? at::Tensor() : tensorOf(env, in[1]);
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

// setAutocast(device type, dtype or null): null ends it and frees the cast copies
napi_value setAutocast(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    const auto device = c10::Device(toString(env, in[0])).type();
    napi_valuetype type;
    napi_typeof(env, in[1], &type);
    if (type == napi_null) {
      at::autocast::set_autocast_enabled(device, false);
      if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    } else {
      at::autocast::increment_nesting();
      at::autocast::set_autocast_dtype(device, dtypeOf(toString(env, in[1])));
      at::autocast::set_autocast_enabled(device, true);
    }
    return undefined(env);
  });
}

napi_value manualSeed(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    at::manual_seed(static_cast<uint64_t>(toInt(env, in[0])));
    return undefined(env);
  });
}

napi_value setThreads(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    const int64_t count = toInt(env, in[0]);
    TORCH_CHECK(count >= 1 && count <= 4096, "expected 1 to 4096 threads, got ", count);
    at::set_num_threads(static_cast<int>(count));
    return undefined(env);
  });
}

napi_value threads(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return number(env, at::get_num_threads()); });
}

// setFlag(name, on): numerical switches of libtorch
napi_value setFlag(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    const std::string name = toString(env, in[0]);
    const bool on = toBool(env, in[1]);
    auto& context = at::globalContext();
    if (name == "allowTf32") {
      context.setAllowTF32CuBLAS(on);
      context.setAllowTF32CuDNN(on);
    } else if (name == "deterministic") {
      context.setDeterministicAlgorithms(on, false);
      // Nothing here reads what was never written, so new memory need not be filled first.
      context.setDeterministicFillUninitializedMemory(false);
    } else if (name == "keepFreedMemory") {
      keepFreedMemory(on);
    } else {
      TORCH_CHECK(false, "unknown flag '", name, "'");
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
    const auto type = c10::Device(toString(env, in[0])).type();
    const bool known = c10::impl::hasDeviceGuardImpl(type);
    return number(env, known ? c10::impl::getDeviceGuardImpl(type)->deviceCount() : 0);
  });
}

napi_value version(napi_env env, napi_callback_info) { return text(env, TORCH_VERSION); }

}  // namespace roc
