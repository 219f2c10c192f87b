// Tensors in and out of JavaScript, what they say of themselves, scopes, and files mapped into memory.
#pragma once

#include <c10/core/Scalar.h>
#include <node_api.h>

namespace roc {

// A JavaScript number; throws for an integer that is none.
napi_value scalar(napi_env env, const c10::Scalar& value);

napi_value fromBytes(napi_env env, napi_callback_info info);
napi_value readBytes(napi_env env, napi_callback_info info);
napi_value itemOf(napi_env env, napi_callback_info info);
napi_value shapeOf(napi_env env, napi_callback_info info);
napi_value dtypeNameOf(napi_env env, napi_callback_info info);
napi_value deviceOf(napi_env env, napi_callback_info info);
napi_value bytesOf(napi_env env, napi_callback_info info);

napi_value heldBytes(napi_env env, napi_callback_info info);

napi_value isLive(napi_env env, napi_callback_info info);
napi_value freeTensor(napi_env env, napi_callback_info info);
napi_value keepTensor(napi_env env, napi_callback_info info);
napi_value beginScope(napi_env env, napi_callback_info info);
napi_value endScope(napi_env env, napi_callback_info info);
napi_value liveTensors(napi_env env, napi_callback_info info);
napi_value adjustMemory(napi_env env, napi_callback_info info);

napi_value openMapping(napi_env env, napi_callback_info info);
napi_value mappedTensor(napi_env env, napi_callback_info info);
napi_value dropMapped(napi_env env, napi_callback_info info);
napi_value mappedBytes(napi_env env, napi_callback_info info);
napi_value closeMapping(napi_env env, napi_callback_info info);

}  // namespace roc
