// Linear maps whose weights are bytes: JavaScript functions, see module.cc for their names.
#pragma once

#include <node_api.h>

namespace roc {

napi_value quantizeRows(napi_env env, napi_callback_info info);
napi_value int8Linear(napi_env env, napi_callback_info info);
napi_value int8Kernels(napi_env env, napi_callback_info info);

}  // namespace roc
