#include "operators.h"

#include <cmath>

#include <ATen/core/jit_type.h>
#include <c10/core/MemoryFormat.h>

#include "environment.h"
#include "javascript.h"
#include "tensors.h"
#include "types.h"

namespace roc {
namespace {

// Most calls have few arguments; Node-API writes all N slots, so longer lists are fetched in a second call.
constexpr size_t kFewArguments = 8;
constexpr size_t kMaxArguments = 64;

Kind kindOf(const c10::Type& type, const c10::Type& real);

Kind listKind(const c10::Type& type) {
  const auto& element = *type.castRaw<c10::ListType>()->getElementType();
  switch (element.kind()) {
    case c10::TypeKind::TensorType: return Kind::TensorList;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return Kind::IntList;
    case c10::TypeKind::FloatType: return Kind::FloatList;
    case c10::TypeKind::BoolType: return Kind::BoolList;
    case c10::TypeKind::NumberType: return Kind::ScalarList;
    case c10::TypeKind::OptionalType:
      switch (element.castRaw<c10::OptionalType>()->getElementType()->kind()) {
        case c10::TypeKind::TensorType: return Kind::OptionalTensorList;
        case c10::TypeKind::NumberType: return Kind::OptionalScalarList;
        default: return Kind::Unsupported;
      }
    default: return Kind::Unsupported;
  }
}

// `type` is what the interpreter sees (an int for a dtype); `real` is what the schema says.
Kind kindOf(const c10::Type& type, const c10::Type& real) {
  switch (real.kind()) {
    case c10::TypeKind::ScalarTypeType: return Kind::ScalarType;
    case c10::TypeKind::LayoutType: return Kind::Layout;
    case c10::TypeKind::MemoryFormatType: return Kind::MemoryFormat;
    default: break;
  }
  switch (type.kind()) {
    case c10::TypeKind::TensorType: return Kind::Tensor;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return Kind::Int;
    case c10::TypeKind::FloatType: return Kind::Float;
    case c10::TypeKind::BoolType: return Kind::Bool;
    case c10::TypeKind::NumberType: return Kind::Scalar;
    case c10::TypeKind::StringType: return Kind::String;
    case c10::TypeKind::DeviceObjType: return Kind::Device;
    case c10::TypeKind::GeneratorType: return Kind::Generator;
    case c10::TypeKind::ListType: return listKind(type);
    default: return Kind::Unsupported;
  }
}

const c10::Type& withoutOptional(const c10::Type& type) {
  const auto* optional = type.castRaw<c10::OptionalType>();
  return optional == nullptr ? type : *optional->getElementType();
}

bool isAliasOfFirst(const c10::FunctionSchema& schema) {
  if (schema.returns().size() != 1 || schema.arguments().empty()) return false;
  const auto* first = schema.arguments()[0].alias_info();
  const auto* result = schema.returns()[0].alias_info();
  return first != nullptr && result != nullptr && first->isWrite() && result->isWrite() &&
         first->beforeSets() == result->beforeSets();
}

// A number is an integer where it has an integer's value: `x.mul(2)` keeps an int64 tensor int64.
c10::Scalar toScalar(napi_env env, napi_value value) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) {
    const bool integral = std::trunc(number) == number && std::abs(number) < 9007199254740992.0 &&
                          !(number == 0 && std::signbit(number));
    return integral ? c10::Scalar(static_cast<int64_t>(number)) : c10::Scalar(number);
  }
  bool boolean = false;
  if (napi_get_value_bool(env, value, &boolean) == napi_ok) return c10::Scalar(boolean);
  return c10::Scalar(toInt(env, value));
}

template <typename T, typename Convert>
c10::List<T> toList(napi_env env, napi_value value, Convert convert) {
  c10::List<T> list;
  forEach(env, value, [&](napi_value element) { list.push_back(convert(element)); });
  return list;
}

bool isNullish(napi_env env, napi_value value, napi_valuetype* type) {
  *type = typeOf(env, value);
  return *type == napi_null || *type == napi_undefined;
}

template <typename T, typename Convert>
c10::List<std::optional<T>> toOptionalList(napi_env env, napi_value value, Convert convert) {
  return toList<std::optional<T>>(env, value, [&](napi_value element) -> std::optional<T> {
    napi_valuetype type;
    if (isNullish(env, element, &type)) return std::nullopt;
    return convert(element);
  });
}

c10::IValue toIValue(napi_env env, Environment& state, const Operator::Argument& argument, napi_value value) {
  const auto tensor = [&](napi_value element) { return state.tensors.get(toDouble(env, element)); };
  switch (argument.kind) {
    case Kind::Tensor: return tensor(value);
    case Kind::Int: return toInt(env, value);
    case Kind::Float: return toDouble(env, value);
    case Kind::Bool: return toBool(env, value);
    case Kind::Scalar: return toScalar(env, value);
    case Kind::String: return toString(env, value);
    case Kind::ScalarType: return static_cast<int64_t>(dtypeOf(toString(env, value)));
    case Kind::Layout: return static_cast<int64_t>(layoutOf(toString(env, value)));
    case Kind::MemoryFormat: return static_cast<int64_t>(memoryFormatOf(toString(env, value)));
    case Kind::Device: return c10::Device(toString(env, value));
    case Kind::TensorList: return toList<at::Tensor>(env, value, tensor);
    case Kind::OptionalTensorList: return toOptionalList<at::Tensor>(env, value, tensor);
    case Kind::IntList: return toList<int64_t>(env, value, [&](napi_value element) { return toInt(env, element); });
    case Kind::FloatList: return toList<double>(env, value, [&](napi_value element) { return toDouble(env, element); });
    case Kind::BoolList: return toList<bool>(env, value, [&](napi_value element) { return toBool(env, element); });
    case Kind::ScalarList:
      return toList<c10::Scalar>(env, value, [&](napi_value element) { return toScalar(env, element); });
    case Kind::OptionalScalarList:
      return toOptionalList<c10::Scalar>(env, value, [&](napi_value element) { return toScalar(env, element); });
    case Kind::Generator:
    case Kind::Unsupported: break;
  }
  throw WrongArgument("arguments of type " + argument.type + " cannot be given from JavaScript");
}

// One argument with its rules for null and undefined; the message of a failure names it.
void pushArgument(napi_env env, Environment& state, const Operator::Argument& argument, napi_value value) {
  if (argument.kind == Kind::Tensor && !argument.optional) {  // the common case first
    double handle = 0;
    if (napi_get_value_double(env, value, &handle) == napi_ok) {
      state.stack.emplace_back(state.tensors.get(handle));
      return;
    }
  }
  napi_valuetype type = napi_undefined;
  if (value == nullptr || isNullish(env, value, &type)) {
    if (type == napi_undefined && argument.hasDefault) {
      state.stack.push_back(argument.defaultValue);
    } else {
      expect(argument.optional, "expected ", argument.type, " for argument '", argument.name, "' and received nothing");
      state.stack.emplace_back();
    }
    return;
  }
  const auto wrong = [&](const char* reason) {
    return WrongArgument(c10::str("argument '", argument.name, "' of type ", argument.type, ": ", reason));
  };
  try {
    state.stack.push_back(toIValue(env, state, argument, value));
  } catch (const WrongArgument& error) {
    throw wrong(error.what());
  } catch (const c10::Error& error) {  // of a device's name
    throw wrong(error.what_without_backtrace());
  }
}

napi_value tensorResult(napi_env env, Environment& state, const at::Tensor& tensor) {
  return tensor.defined() ? number(env, state.tensors.add(tensor)) : null(env);
}

napi_value toJavaScript(napi_env env, Environment& state, const c10::IValue& value) {
  if (value.isTensor()) return tensorResult(env, state, value.toTensor());
  if (value.isNone()) return null(env);
  if (value.isBool()) return boolean(env, value.toBool());
  if (value.isInt()) return integer(env, value.toInt());
  if (value.isDouble()) return number(env, value.toDouble());
  if (value.isScalar()) return scalar(env, value.toScalar());
  if (value.isString()) return text(env, value.toStringRef());
  if (value.isTensorList() || value.isList()) {
    const auto list = value.toList();
    return array(env, list.size(), [&](size_t i) { return toJavaScript(env, state, list.get(i)); });
  }
  if (value.isTuple()) {
    const auto& elements = value.toTupleRef().elements();
    return array(env, elements.size(), [&](size_t i) { return toJavaScript(env, state, elements[i]); });
  }
  if (value.isDevice()) return text(env, value.toDevice().str());
  TORCH_CHECK(false, "results of type ", value.tagKind(), " cannot be given to JavaScript");
}

napi_value results(napi_env env, Environment& state, const Operator& op) {
  auto& stack = state.stack;
  if (op.returnsSelf || stack.empty()) return undefined(env);
  if (stack.size() == 1) return toJavaScript(env, state, stack[0]);
  return array(env, stack.size(), [&](size_t i) { return toJavaScript(env, state, stack[i]); });
}

void set(napi_env env, napi_value object, const char* key, napi_value value) {
  check(env, napi_set_named_property(env, object, key, value));
}

napi_value object(napi_env env) {
  napi_value result = nullptr;
  check(env, napi_create_object(env, &result));
  return result;
}

napi_value describeArgument(napi_env env, const c10::Argument& argument) {
  const napi_value described = object(env);
  set(env, described, "name", text(env, argument.name()));
  set(env, described, "type", text(env, argument.real_type()->str()));
  set(env, described, "keywordOnly", boolean(env, argument.kwarg_only()));
  set(env, described, "hasDefault", boolean(env, argument.default_value().has_value()));
  return described;
}

c10::OperatorHandle findOperator(const std::string& name, const std::string& overload) {
  const auto found = c10::Dispatcher::singleton().findSchema({name, overload});
  TORCH_CHECK(found.has_value(), "libtorch has no operator ", name, overload.empty() ? "" : ".", overload);
  return *found;
}

napi_value description(napi_env env, const c10::OperatorHandle& handle) {
  const auto& schema = handle.schema();
  const napi_value described = object(env);
  set(env, described, "name", text(env, schema.name()));
  set(env, described, "overload", text(env, schema.overload_name()));
  set(env, described, "schema", text(env, toString(schema)));
  set(env, described, "returnsSelf", boolean(env, isAliasOfFirst(schema)));
  set(env, described, "arguments", array(env, schema.arguments().size(), [&](size_t i) {
        return describeArgument(env, schema.arguments()[i]);
      }));
  set(env, described, "returns", array(env, schema.returns().size(), [&](size_t i) {
        return text(env, schema.returns()[i].real_type()->str());
      }));
  return described;
}

}  // namespace

Operator::Operator(c10::OperatorHandle handle)
    : handle(std::move(handle)), returnsSelf(isAliasOfFirst(this->handle.schema())) {
  for (const auto& argument : this->handle.schema().arguments()) {
    const auto& type = *argument.type();
    const auto fallback = argument.default_value();
    arguments.push_back({kindOf(withoutOptional(type), withoutOptional(*argument.real_type())),
                         type.kind() == c10::TypeKind::OptionalType, fallback.has_value(),
                         fallback.value_or(c10::IValue()), argument.name(), argument.real_type()->str()});
  }
}

// operatorNames() -> ["aten::add.Tensor", ...]
napi_value operatorNames(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    const auto names = c10::Dispatcher::singleton().getAllOpNames();
    return array(env, names.size(), [&](size_t i) { return text(env, c10::toString(names[i])); });
  });
}

// describeOperator(name, overload) -> its schema, taken apart
napi_value describeOperator(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    return description(env, findOperator(toString(env, in[0]), toString(env, in[1])));
  });
}

// resolveOperator(name, overload) -> id for callOperator
napi_value resolveOperator(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    auto& operators = environment(env).operators;
    operators.push_back(std::make_unique<Operator>(findOperator(toString(env, in[0]), toString(env, in[1]))));
    return number(env, static_cast<double>(operators.size() - 1));
  });
}

namespace {

template <size_t N>
napi_value call(napi_env env, const Arguments<N>& in) {
  Environment& state = environment(env);
  const double id = toDouble(env, in[0]);
  if (!(id >= 0 && id < static_cast<double>(state.operators.size())) || std::trunc(id) != id) {
    throw WrongArgument("unknown operator id");
  }
  const Operator& op = *state.operators[static_cast<size_t>(id)];
  if (in.count - 1 > op.arguments.size()) {
    throw WrongArgument(c10::str("expected at most ", op.arguments.size(), " arguments and received ", in.count - 1, ": ",
                                 op.handle.schema()));
  }
  // The stack is this environment's; clear it whatever happens, so that no tensor outlives the call in it.
  struct Clear {
    torch::jit::Stack& stack;
    ~Clear() { stack.clear(); }
  } clear{state.stack};
  for (size_t i = 0; i < op.arguments.size(); ++i) {
    pushArgument(env, state, op.arguments[i], i + 1 < in.count ? in[i + 1] : nullptr);
  }
  op.handle.callBoxed(state.stack);
  return results(env, state, op);
}

}  // namespace

// callOperator(id, ...arguments in schema order) -> results
napi_value callOperator(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<kFewArguments> few(env, info);
    return few.count <= kFewArguments ? call(env, few) : call(env, Arguments<kMaxArguments>(env, info));
  });
}

}  // namespace roc
