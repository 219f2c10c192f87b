// Small conversions between JavaScript values and C++, and the one place where C++ exceptions become JavaScript errors.
#pragma once

#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include <c10/util/ArrayRef.h>
#include <c10/util/Exception.h>
#include <node_api.h>

namespace roc {

inline void check(napi_status status, const char* expected) {
  TORCH_CHECK(status == napi_ok, "expected ", expected);
}

inline double toDouble(napi_env env, napi_value value) {
  double number = 0;
  check(napi_get_value_double(env, value, &number), "a number");
  return number;
}

inline int64_t toInt(napi_env env, napi_value value) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) {
    TORCH_CHECK(number == static_cast<double>(static_cast<int64_t>(number)), "expected an integer, got ", number);
    return static_cast<int64_t>(number);
  }
  int64_t integer = 0;
  bool lossless = false;
  check(napi_get_value_bigint_int64(env, value, &integer, &lossless), "an integer");
  return integer;
}

inline bool toBool(napi_env env, napi_value value) {
  bool result = false;
  check(napi_get_value_bool(env, value, &result), "a boolean");
  return result;
}

inline std::string toString(napi_env env, napi_value value) {
  size_t length = 0;
  check(napi_get_value_string_utf8(env, value, nullptr, 0, &length), "a string");
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, text.data(), length + 1, &length);
  return text;
}

// Calls `each(element)` for the elements of a JavaScript array.
template <typename Each>
void forEach(napi_env env, napi_value array, Each each) {
  uint32_t length = 0;
  check(napi_get_array_length(env, array, &length), "an array");
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element;
    napi_get_element(env, array, i, &element);
    each(element);
  }
}

inline std::vector<int64_t> toInts(napi_env env, napi_value array) {
  std::vector<int64_t> ints;
  forEach(env, array, [&](napi_value element) { ints.push_back(toInt(env, element)); });
  return ints;
}

inline std::vector<double> toDoubles(napi_env env, napi_value array) {
  std::vector<double> doubles;
  forEach(env, array, [&](napi_value element) { doubles.push_back(toDouble(env, element)); });
  return doubles;
}

inline napi_value number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

inline napi_value boolean(napi_env env, bool value) {
  napi_value result;
  napi_get_boolean(env, value, &result);
  return result;
}

inline napi_value text(napi_env env, const std::string& value) {
  napi_value result;
  napi_create_string_utf8(env, value.data(), value.size(), &result);
  return result;
}

inline napi_value undefined(napi_env env) {
  napi_value result;
  napi_get_undefined(env, &result);
  return result;
}

inline napi_value null(napi_env env) {
  napi_value result;
  napi_get_null(env, &result);
  return result;
}

// A JavaScript array of `count` elements made by `make(i)`.
template <typename Make>
napi_value array(napi_env env, size_t count, Make make) {
  napi_value result;
  napi_create_array_with_length(env, count, &result);
  for (size_t i = 0; i < count; ++i) napi_set_element(env, result, static_cast<uint32_t>(i), make(i));
  return result;
}

inline napi_value numbers(napi_env env, c10::ArrayRef<int64_t> values) {
  return array(env, values.size(), [&](size_t i) { return number(env, static_cast<double>(values[i])); });
}

// Bytes of a Buffer, typed array, DataView or ArrayBuffer.
struct Bytes {
  uint8_t* data = nullptr;
  size_t length = 0;
};
Bytes toBytes(napi_env env, napi_value value);

// The arguments of a call, at most `N`. (Node-API fills what was not given with undefined: keep N small where it counts.)
template <size_t N>
struct Arguments {
  napi_value values[N];
  size_t count = N;
  Arguments(napi_env env, napi_callback_info info) { napi_get_cb_info(env, info, &count, values, nullptr, nullptr); }
  napi_value operator[](size_t i) const { return values[i]; }
};

void throwError(napi_env env, const char* code, const char* message);

// Runs `body`; whatever it throws becomes a JavaScript error at the call site.
template <typename Body>
napi_value guarded(napi_env env, Body body) {
  try {
    return body();
  } catch (const c10::OutOfMemoryError& error) {
    throwError(env, "OUT_OF_MEMORY", error.what_without_backtrace());
  } catch (const c10::Error& error) {
    throwError(env, "TORCH", error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    throwError(env, "OUT_OF_MEMORY", "out of memory");
  } catch (const std::exception& error) {
    throwError(env, "TORCH", error.what());
  } catch (...) {
    throwError(env, "TORCH", "unknown C++ exception");
  }
  return nullptr;
}

}  // namespace roc
