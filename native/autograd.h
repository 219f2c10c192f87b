// Gradients, the modes that a thread computes in, seeds and devices.
#pragma once

#include <node_api.h>

namespace roc {

napi_value backward(napi_env env, napi_callback_info info);
napi_value gradients(napi_env env, napi_callback_info info);
napi_value requiresGrad(napi_env env, napi_callback_info info);
napi_value setRequiresGrad(napi_env env, napi_callback_info info);
napi_value gradOf(napi_env env, napi_callback_info info);
napi_value setGrad(napi_env env, napi_callback_info info);

napi_value setGradMode(napi_env env, napi_callback_info info);
napi_value pushInferenceMode(napi_env env, napi_callback_info info);
napi_value popInferenceMode(napi_env env, napi_callback_info info);
napi_value pushAutocast(napi_env env, napi_callback_info info);
napi_value popAutocast(napi_env env, napi_callback_info info);

napi_value manualSeed(napi_env env, napi_callback_info info);
napi_value deviceCount(napi_env env, napi_callback_info info);
napi_value generatorStates(napi_env env, napi_callback_info info);
napi_value setGeneratorStates(napi_env env, napi_callback_info info);
napi_value hasCuda(napi_env env, napi_callback_info info);
napi_value version(napi_env env, napi_callback_info info);

}  // namespace roc
