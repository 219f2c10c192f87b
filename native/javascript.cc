#include "javascript.h"

#include <cstdio>
#include <new>

#include <c10/util/Exception.h>

namespace roc {
namespace {

// Nearly as JavaScript writes it: with all digits.
std::string digitsOf(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", number);
  return text;
}

}  // namespace

void failed(napi_env env, napi_status status) {
  const napi_extended_error_info* info = nullptr;
  const bool known = napi_get_last_error_info(env, &info) == napi_ok && info->error_message != nullptr;
  throw CodedError("INTERNAL", c10::str("Node-API failed (status ", static_cast<int>(status), known ? "): " : ")",
                                   known ? info->error_message : ""));
}

int64_t wholeOf(double number) {
  const bool isWhole = std::trunc(number) == number && std::isfinite(number);
  if (isWhole && std::abs(number) <= kMaxSafeInteger) return static_cast<int64_t>(number);
  const char* remedy = isWhole ? ", which is beyond 2^53 - 1 and may represent several integers; give a BigInt" : "";
  throw WrongArgument("expected an integer, got " + digitsOf(number) + remedy);
}

int64_t toInt(napi_env env, napi_value value) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) return wholeOf(number);
  int64_t integer = 0;
  bool lossless = false;
  check(napi_get_value_bigint_int64(env, value, &integer, &lossless), "an integer");
  expect(lossless, "expected an integer of 64 bits, got a BigInt beyond -(2^63) to 2^63 - 1");
  return integer;
}

napi_value integer(napi_env env, int64_t value) {
  const auto rounded = static_cast<double>(value);
  // 2^63 itself would not fit back into an int64.
  const bool exact = rounded < 9223372036854775808.0 && static_cast<int64_t>(rounded) == value;
  expect(exact, "the integer ", value, " is no JavaScript number; read it by toArray(), as a BigInt");
  return number(env, rounded);
}

Bytes toBytes(napi_env env, napi_value value) {
  Bytes bytes;
  void* data = nullptr;
  bool is = false;
  check(env, napi_is_typedarray(env, value, &is));
  if (is) {
    napi_typedarray_type type;
    size_t count = 0;
    check(env, napi_get_typedarray_info(env, value, &type, &count, &data, nullptr, nullptr));
    static constexpr size_t kWidths[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};  // in the order of napi_typedarray_type
    expect(static_cast<size_t>(type) < std::size(kWidths), "unsupported typed array");
    bytes.length = count * kWidths[type];
  } else if (napi_is_dataview(env, value, &is) == napi_ok && is) {
    check(env, napi_get_dataview_info(env, value, &bytes.length, &data, nullptr, nullptr));
  } else {
    check(napi_get_arraybuffer_info(env, value, &data, &bytes.length), "a typed array, Buffer or ArrayBuffer");
  }
  bytes.data = static_cast<uint8_t*>(data);
  return bytes;
}

Thrown current() {
  try {
    throw;
  } catch (const CodedError& error) {
    return {error.code(), error.what()};
  } catch (const c10::OutOfMemoryError& error) {
    return {"OUT_OF_MEMORY", error.what_without_backtrace()};
  } catch (const c10::Error& error) {
    return {"TORCH", error.what_without_backtrace()};
  } catch (const std::bad_alloc&) {
    return {"OUT_OF_MEMORY", "out of memory"};
  } catch (const std::exception& error) {
    return {"TORCH", error.what()};
  } catch (...) {
    return {"TORCH", "unknown C++ exception"};
  }
}

void throwError(napi_env env, const Thrown& thrown) {
  bool pending = false;
  // Where even this fails, the error cannot be reported.
  if (napi_is_exception_pending(env, &pending) == napi_ok && !pending) {
    (void)napi_throw_error(env, thrown.code, thrown.message.c_str());
  }
}

}  // namespace roc
