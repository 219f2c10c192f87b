// The addon's table of functions; its TypeScript declaration is src/torch/native.ts.
#include <c10/util/Logging.h>
#include <dlfcn.h>

#include "allocator.h"
#include "autograd.h"
#include "cuda_graph.h"
#include "distributed.h"
#include "environment.h"
#include "int8.h"
#include "javascript.h"
#include "operators.h"
#include "settings.h"
#include "tensors.h"

namespace roc {

Environment& environment(napi_env env) {
  void* data = nullptr;
  check(env, napi_get_instance_data(env, &data));
  return *static_cast<Environment*>(data);
}

namespace {

struct Function {
  const char* name;
  napi_callback callback;
};

constexpr Function kFunctions[] = {
    {"operatorNames", operatorNames},
    {"describeOperator", describeOperator},
    {"resolveOperator", resolveOperator},
    {"callOperator", callOperator},
    {"fromBytes", fromBytes},
    {"readBytes", readBytes},
    {"itemOf", itemOf},
    {"shapeOf", shapeOf},
    {"dtypeOf", dtypeNameOf},
    {"deviceOf", deviceOf},
    {"bytesOf", bytesOf},
    {"heldBytes", heldBytes},
    {"isLive", isLive},
    {"freeTensor", freeTensor},
    {"keepTensor", keepTensor},
    {"beginScope", beginScope},
    {"endScope", endScope},
    {"liveTensors", liveTensors},
    {"adjustMemory", adjustMemory},
    {"openMapping", openMapping},
    {"mappedTensor", mappedTensor},
    {"dropMapped", dropMapped},
    {"mappedBytes", mappedBytes},
    {"closeMapping", closeMapping},
    {"quantizeRows", quantizeRows},
    {"int8Linear", int8Linear},
    {"int8Kernels", int8Kernels},
    {"backward", backward},
    {"gradients", gradients},
    {"requiresGrad", requiresGrad},
    {"setRequiresGrad", setRequiresGrad},
    {"gradOf", gradOf},
    {"setGrad", setGrad},
    {"setGradMode", setGradMode},
    {"pushInferenceMode", pushInferenceMode},
    {"popInferenceMode", popInferenceMode},
    {"pushAutocast", pushAutocast},
    {"popAutocast", popAutocast},
    {"manualSeed", manualSeed},
    {"generatorStates", generatorStates},
    {"setGeneratorStates", setGeneratorStates},
    {"setThreads", setThreads},
    {"threads", threads},
    {"holdThreads", holdThreads},
    {"releaseThreads", releaseThreads},
    {"setFlag", setFlag},
    {"flagIsOn", flagIsOn},
    {"holdFlag", holdFlag},
    {"releaseFlag", releaseFlag},
    {"canCapture", canCapture},
    {"openGraph", openGraph},
    {"enterGraph", enterGraph},
    {"leaveGraph", leaveGraph},
    {"replayGraph", replayGraph},
    {"closeGraph", closeGraph},
    {"deviceCount", deviceCount},
    {"hasCuda", hasCuda},
    {"version", version},
    {"distributedBackends", distributedBackends},
    {"joinGroup", joinGroup},
    {"giveUpGroup", giveUpGroup},
    {"leaveGroup", leaveGroup},
    {"groupDisconnect", groupDisconnect},
    {"groupPublish", groupPublish},
    {"groupFind", groupFind},
    {"groupAllReduce", groupAllReduce},
    {"groupBroadcast", groupBroadcast},
    {"groupAllGather", groupAllGather},
    {"groupReduceScatter", groupReduceScatter},
    {"groupBarrier", groupBarrier},
    {"groupWait", groupWait},
    {"groupFinished", groupFinished},
    {"attachGradients", attachGradients},
    {"detachGradients", detachGradients},
    {"armGradients", armGradients},
    {"finishGradients", finishGradients},
};

// Registers the CUDA kernels where this libtorch has them; a CPU build has no such file. Once a process is enough.
void loadCuda() { static void* const library = dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL); (void)library; }

napi_value initialize(napi_env env, napi_value exports) {
  return guarded(env, [&] {
    c10::initLogging();  // by TORCH_CPP_LOG_LEVEL
    loadCuda();
    installSmallBlockCache();
    setDefaults();
    auto own = std::make_unique<Environment>();
    const auto end = [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); };
    check(env, napi_set_instance_data(env, own.get(), end, nullptr));
    own.release();
    for (const auto& [name, callback] : kFunctions) {
      napi_value function = nullptr;
      check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function));
      check(env, napi_set_named_property(env, exports, name, function));
    }
    return exports;
  });
}

}  // namespace
}  // namespace roc

NAPI_MODULE_INIT() { return roc::initialize(env, exports); }
