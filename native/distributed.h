// JavaScript functions of training in several processes; see process_group.h and gradient_buckets.h.
#pragma once

#include <node_api.h>

namespace roc {

napi_value distributedBackends(napi_env env, napi_callback_info info);
napi_value joinGroup(napi_env env, napi_callback_info info);
napi_value giveUpGroup(napi_env env, napi_callback_info info);
napi_value leaveGroup(napi_env env, napi_callback_info info);
napi_value groupDisconnect(napi_env env, napi_callback_info info);
napi_value groupPublish(napi_env env, napi_callback_info info);
napi_value groupFind(napi_env env, napi_callback_info info);

napi_value groupAllReduce(napi_env env, napi_callback_info info);
napi_value groupBroadcast(napi_env env, napi_callback_info info);
napi_value groupAllGather(napi_env env, napi_callback_info info);
napi_value groupReduceScatter(napi_env env, napi_callback_info info);
napi_value groupBarrier(napi_env env, napi_callback_info info);
napi_value groupWait(napi_env env, napi_callback_info info);
napi_value groupFinished(napi_env env, napi_callback_info info);

napi_value attachGradients(napi_env env, napi_callback_info info);
napi_value detachGradients(napi_env env, napi_callback_info info);
napi_value armGradients(napi_env env, napi_callback_info info);
napi_value finishGradients(napi_env env, napi_callback_info info);

}  // namespace roc
