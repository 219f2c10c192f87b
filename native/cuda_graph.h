// CUDA graphs: work that is recorded once and replayed (cuda_graph.cc); src/torch/graph.ts is their other side.
#pragma once

#include <node_api.h>

namespace roc {

napi_value canCapture(napi_env env, napi_callback_info info);
napi_value openGraph(napi_env env, napi_callback_info info);
napi_value enterGraph(napi_env env, napi_callback_info info);
napi_value leaveGraph(napi_env env, napi_callback_info info);
napi_value replayGraph(napi_env env, napi_callback_info info);
napi_value closeGraph(napi_env env, napi_callback_info info);

}  // namespace roc
