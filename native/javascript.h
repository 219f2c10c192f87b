// Conversions between JavaScript values and C++, checked: no number is cut off, wrapped or rounded on its way, and no status
// of Node-API is passed over. The one place where C++ exceptions become JavaScript errors.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <c10/util/ArrayRef.h>
#include <node_api.h>

#include "errors.h"

namespace roc {

// Every integer up to here, and none beyond 2^53, is represented exactly by its JavaScript number.
constexpr double kMaxSafeInteger = 9007199254740991.0;

// For a conversion that fails where the value is of another type.
inline void check(napi_status status, const char* expected) {
  if (status != napi_ok) throw WrongArgument(std::string("expected ") + expected);
}

[[noreturn]] void failed(napi_env env, napi_status status);

// For calls that fail only where Node-API itself does: an exception is pending, or the environment ends.
inline void check(napi_env env, napi_status status) {
  if (status != napi_ok) failed(env, status);
}

inline napi_valuetype typeOf(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  check(env, napi_typeof(env, value, &type));
  return type;
}

inline double toDouble(napi_env env, napi_value value) {
  double number = 0;
  check(napi_get_value_double(env, value, &number), "a number");
  return number;
}

// The integer that a JavaScript number represents; throws for fractions, NaN, infinities and what is beyond 2^53 - 1.
int64_t wholeOf(double number);

// As wholeOf(); a BigInt may be any number of 64 bits.
int64_t toInt(napi_env env, napi_value value);

// As toInt(), and throws where the number is none from `least` to `most`; `name` is what the number is.
template <typename Int>
Int toInt(napi_env env, napi_value value, const char* name, int64_t least,
          int64_t most = static_cast<int64_t>(std::numeric_limits<Int>::max())) {
  const int64_t number = toInt(env, value);
  expect(number >= least && number <= most, name, " is ", number, "; give a whole number from ", least, " to ", most);
  return static_cast<Int>(number);
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
  check(env, napi_get_value_string_utf8(env, value, text.data(), length + 1, &length));
  return text;
}

// Calls `each(element)` for the elements of a JavaScript array.
template <typename Each>
void forEach(napi_env env, napi_value array, Each each) {
  uint32_t length = 0;
  check(napi_get_array_length(env, array, &length), "an array");
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    check(env, napi_get_element(env, array, i, &element));
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
  napi_value result = nullptr;
  check(env, napi_create_double(env, value, &result));
  return result;
}

// An integer as a JavaScript number; throws where that would be another one.
napi_value integer(napi_env env, int64_t value);

inline napi_value boolean(napi_env env, bool value) {
  napi_value result = nullptr;
  check(env, napi_get_boolean(env, value, &result));
  return result;
}

inline napi_value text(napi_env env, const std::string& value) {
  napi_value result = nullptr;
  check(env, napi_create_string_utf8(env, value.data(), value.size(), &result));
  return result;
}

inline napi_value undefined(napi_env env) {
  napi_value result = nullptr;
  check(env, napi_get_undefined(env, &result));
  return result;
}

inline napi_value null(napi_env env) {
  napi_value result = nullptr;
  check(env, napi_get_null(env, &result));
  return result;
}

// A JavaScript array of `count` elements made by `make(i)`.
template <typename Make>
napi_value array(napi_env env, size_t count, Make make) {
  napi_value result = nullptr;
  check(env, napi_create_array_with_length(env, count, &result));
  for (size_t i = 0; i < count; ++i) check(env, napi_set_element(env, result, static_cast<uint32_t>(i), make(i)));
  return result;
}

inline napi_value numbers(napi_env env, c10::ArrayRef<int64_t> values) {
  return array(env, values.size(), [&](size_t i) { return integer(env, values[i]); });
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
  Arguments(napi_env env, napi_callback_info info) {
    check(env, napi_get_cb_info(env, info, &count, values, nullptr, nullptr));
  }
  napi_value operator[](size_t i) const { return values[i]; }
};

// What was thrown, as JavaScript gets it.
struct Thrown {
  const char* code;
  std::string message;
};

// The exception that is being handled; to be called in a catch block.
Thrown current();

void throwError(napi_env env, const Thrown& thrown);

// Runs `body`; whatever it throws becomes a JavaScript error at the call site.
template <typename Body>
napi_value guarded(napi_env env, Body body) {
  try {
    return body();
  } catch (...) {
    throwError(env, current());
  }
  return nullptr;
}

}  // namespace roc
