// Errors whose cause is known here; whatever else is thrown comes from libtorch.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include <c10/util/StringUtil.h>

namespace roc {

// `code` is one of ERROR_CODES in src/errors.ts.
class CodedError : public std::exception {
 public:
  CodedError(const char* code, std::string message) : code_(code), message_(std::move(message)) {}
  const char* code() const { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  const char* code_;
  std::string message_;
};

// The tensor of a handle was freed.
struct TensorDisposed final : CodedError {
  TensorDisposed() : CodedError("TENSOR_DISPOSED", "the tensor was freed, by dispose() or at the end of its scope()") {}
};

// A value from JavaScript that makes no sense where it is given.
struct WrongArgument final : CodedError {
  explicit WrongArgument(std::string message) : CodedError("USAGE", std::move(message)) {}
};

// `parts` are put together as TORCH_CHECK does.
template <typename... Parts>
void expect(bool holds, const Parts&... parts) {
  if (!holds) throw WrongArgument(c10::str(parts...));
}

}  // namespace roc
