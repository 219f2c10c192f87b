// Any ATen operator by name and overload: resolved once, its schema turned into conversions, called boxed.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/dispatch/Dispatcher.h>
#include <node_api.h>

namespace roc {

struct Environment;

// What a JavaScript value becomes; read off the schema's types.
enum class Kind {
  Tensor, Int, Float, Bool, Scalar, String, ScalarType, Layout, MemoryFormat, Device, Generator,
  TensorList, OptionalTensorList, IntList, FloatList, BoolList, ScalarList,
  OptionalScalarList, Unsupported,
};

struct Operator {
  struct Argument {
    Kind kind;
    bool optional;    // `T?`: null is None
    bool hasDefault;  // undefined takes it
    c10::IValue defaultValue;
    std::string name;
    std::string type;
  };
  explicit Operator(c10::OperatorHandle handle);

  c10::OperatorHandle handle;
  std::vector<Argument> arguments;
  bool returnsSelf;  // in place: the result is the first argument
};

// JavaScript functions: see module.cc for their names.
napi_value operatorNames(napi_env env, napi_callback_info info);
napi_value describeOperator(napi_env env, napi_callback_info info);
napi_value resolveOperator(napi_env env, napi_callback_info info);
napi_value callOperator(napi_env env, napi_callback_info info);

}  // namespace roc
