#include "types.h"

#include <utility>

#include "errors.h"

namespace roc {
namespace {

constexpr std::pair<const char*, c10::ScalarType> kDtypes[] = {
    {"float32", c10::ScalarType::Float},  {"float64", c10::ScalarType::Double}, {"bfloat16", c10::ScalarType::BFloat16},
    {"float16", c10::ScalarType::Half},   {"int64", c10::ScalarType::Long},     {"int32", c10::ScalarType::Int},
    {"int16", c10::ScalarType::Short},    {"int8", c10::ScalarType::Char},      {"uint8", c10::ScalarType::Byte},
    {"bool", c10::ScalarType::Bool},        {"uint16", c10::ScalarType::UInt16},    {"uint32", c10::ScalarType::UInt32},
    {"uint64", c10::ScalarType::UInt64},    {"complex64", c10::ScalarType::ComplexFloat},
    {"complex128", c10::ScalarType::ComplexDouble},
};

}  // namespace

c10::ScalarType dtypeOf(const std::string& name) {
  for (const auto& [known, dtype] : kDtypes) {
    if (name == known) return dtype;
  }
  throw WrongArgument("unknown dtype '" + name + "'");
}

std::string nameOf(c10::ScalarType dtype) {
  for (const auto& [name, known] : kDtypes) {
    if (dtype == known) return name;
  }
  return c10::toString(dtype);
}

c10::Layout layoutOf(const std::string& name) {
  expect(name == "strided", "unknown layout '", name, "'");
  return c10::Layout::Strided;
}

c10::MemoryFormat memoryFormatOf(const std::string& name) {
  if (name == "contiguous") return c10::MemoryFormat::Contiguous;
  if (name == "preserve") return c10::MemoryFormat::Preserve;
  if (name == "channels_last") return c10::MemoryFormat::ChannelsLast;
  throw WrongArgument("unknown memory format '" + name + "'");
}

}  // namespace roc
