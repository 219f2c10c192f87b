// Names of dtypes, layouts and memory formats, as JavaScript writes them.
#pragma once

#include <string>

#include <c10/core/Layout.h>
#include <c10/core/MemoryFormat.h>
#include <c10/core/ScalarType.h>

namespace roc {

c10::ScalarType dtypeOf(const std::string& name);
std::string nameOf(c10::ScalarType dtype);
c10::Layout layoutOf(const std::string& name);
c10::MemoryFormat memoryFormatOf(const std::string& name);

}  // namespace roc
