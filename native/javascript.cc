#include "javascript.h"

namespace roc {

Bytes toBytes(napi_env env, napi_value value) {
  Bytes bytes;
  void* data = nullptr;
  bool is = false;
  napi_is_typedarray(env, value, &is);
  if (is) {
    napi_typedarray_type type;
    size_t count = 0;
    napi_get_typedarray_info(env, value, &type, &count, &data, nullptr, nullptr);
    static constexpr size_t kWidths[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};  // in the order of napi_typedarray_type
    TORCH_CHECK(static_cast<size_t>(type) < std::size(kWidths), "unsupported typed array");
    bytes.length = count * kWidths[type];
  } else if (napi_is_dataview(env, value, &is) == napi_ok && is) {
    napi_get_dataview_info(env, value, &bytes.length, &data, nullptr, nullptr);
  } else {
    check(napi_get_arraybuffer_info(env, value, &data, &bytes.length), "a typed array, Buffer or ArrayBuffer");
  }
  bytes.data = static_cast<uint8_t*>(data);
  return bytes;
}

void throwError(napi_env env, const char* code, const char* message) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, code, message);
}

}  // namespace roc
