#include "tensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "environment.h"
#include "javascript.h"
#include "types.h"

namespace roc {
namespace {

// Bytes of a contiguous tensor.
int64_t bytesOf(const std::vector<int64_t>& shape, c10::ScalarType dtype) {
  auto bytes = static_cast<int64_t>(c10::elementSize(dtype));
  for (int64_t size : shape) {
    expect(size >= 0 && !__builtin_mul_overflow(bytes, size, &bytes), "shape [", c10::IntArrayRef(shape),
           "] is negative or too large");
  }
  return bytes;
}

// A byte of a bool is 0 or 1: kernels may take others for both.
void checkBools(const Bytes& bytes) {
  for (size_t i = 0; i < bytes.length; ++i) {
    expect(bytes.data[i] <= 1, "element ", i, " is ", static_cast<int>(bytes.data[i]), "; a bool is 0 or 1");
  }
}

std::shared_ptr<Mapping> mappingOf(napi_env env, napi_value id) {
  const auto& mappings = environment(env).mappings;
  const auto index = toInt<size_t>(env, id, "the mapping", 0, static_cast<int64_t>(mappings.size()) - 1);
  expect(mappings[index] != nullptr, "the mapped file was closed");
  return mappings[index];
}

// The part of a mapping, checked against its length.
uint8_t* within(const Mapping& mapping, int64_t offset, int64_t length) {
  int64_t end = 0;
  expect(offset >= 0 && length >= 0 && !__builtin_add_overflow(offset, length, &end) &&
             static_cast<size_t>(end) <= mapping.length,
         "bytes ", offset, " to ", end, " are outside the mapped file of ", mapping.length, " bytes");
  return static_cast<uint8_t*>(mapping.data) + offset;
}

// What the system says of a file that it does not open or map.
CodedError unreadable(const char* doing, const std::string& path, int reason) {
  const char* code = reason == ENOENT || reason == ENOTDIR ? "FILE_NOT_FOUND"
                     : reason == ENOMEM                    ? "OUT_OF_MEMORY"
                                                           : "FILE_UNREADABLE";
  return CodedError(code, doing + path + ": " + std::strerror(reason));
}

}  // namespace

napi_value scalar(napi_env env, const c10::Scalar& value) {
  return value.isIntegral(false) ? integer(env, value.toLong()) : number(env, value.toDouble());
}

// fromBytes(bytes, dtype, shape) -> handle; one copy
napi_value fromBytes(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<3> in(env, info);
    const Bytes bytes = toBytes(env, in[0]);
    const auto dtype = dtypeOf(toString(env, in[1]));
    const auto shape = toInts(env, in[2]);
    const auto expected = static_cast<size_t>(bytesOf(shape, dtype));
    expect(bytes.length == expected, "shape [", c10::IntArrayRef(shape), "] of ", nameOf(dtype), " needs ", expected,
           " bytes and received ", bytes.length);
    if (dtype == c10::ScalarType::Bool) checkBools(bytes);
    at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(dtype));
    if (expected > 0) std::memcpy(tensor.mutable_data_ptr(), bytes.data, expected);
    return number(env, environment(env).tensors.add(std::move(tensor)));
  });
}

// readBytes(handle, into): copies the elements, row by row, into a typed array of exactly their size
napi_value readBytes(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    const Bytes bytes = toBytes(env, in[1]);
    const at::Tensor tensor = tensorOf(env, in[0]).detach().cpu().contiguous();
    expect(bytes.length == tensor.nbytes(), "the tensor has ", tensor.nbytes(), " bytes, the array ", bytes.length);
    if (bytes.length > 0) std::memcpy(bytes.data, tensor.const_data_ptr(), bytes.length);
    return undefined(env);
  });
}

napi_value itemOf(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    return scalar(env, tensorOf(env, in[0]).item());
  });
}

napi_value shapeOf(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    return numbers(env, tensorOf(env, in[0]).sizes());
  });
}

napi_value dtypeNameOf(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    return text(env, nameOf(tensorOf(env, in[0]).scalar_type()));
  });
}

napi_value deviceOf(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    return text(env, tensorOf(env, in[0]).device().str());
  });
}

// bytesOf(handle) -> bytes of its elements
napi_value bytesOf(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    return number(env, static_cast<double>(tensorOf(env, in[0]).nbytes()));
  });
}

// heldBytes(handle) -> memory that it occupies: an expanded tensor shows the same bytes many times, one on "meta" has none
napi_value heldBytes(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    const at::Tensor& tensor = tensorOf(env, in[0]);
    if (tensor.is_meta()) return number(env, 0);
    const size_t bytes = tensor.has_storage() ? std::min(tensor.nbytes(), tensor.storage().nbytes()) : tensor.nbytes();
    return number(env, static_cast<double>(bytes));
  });
}

napi_value isLive(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    return boolean(env, environment(env).tensors.isLive(toDouble(env, in[0])));
  });
}

// freeTensor(handle): nothing happens where it was freed before
napi_value freeTensor(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    environment(env).tensors.free(toDouble(env, in[0]));
    return undefined(env);
  });
}

napi_value keepTensor(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    environment(env).tensors.keep(toDouble(env, in[0]));
    return undefined(env);
  });
}

// beginScope() -> depth for endScope
napi_value beginScope(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return number(env, environment(env).tensors.beginScope()); });
}

// endScope(depth, survivors)
napi_value endScope(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<2> in(env, info);
    environment(env).tensors.endScope(toInt<uint32_t>(env, in[0], "the depth", 0), toDoubles(env, in[1]));
    return undefined(env);
  });
}

napi_value liveTensors(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return number(env, static_cast<double>(environment(env).tensors.live())); });
}

// adjustMemory(bytes): informs the garbage collector of native bytes that only it can free
napi_value adjustMemory(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    int64_t total = 0;
    check(env, napi_adjust_external_memory(env, toInt(env, in[0]), &total));
    return number(env, static_cast<double>(total));
  });
}

// openMapping(path) -> [id, length]; private: writing to a tensor of it never reaches the file
napi_value openMapping(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    const std::string path = toString(env, in[0]);
    expect(path.find('\0') == std::string::npos, "a path has no character of code 0");
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw unreadable("cannot open ", path, errno);
    struct stat status{};
    const int found = fstat(file, &status);
    auto mapping = std::make_shared<Mapping>();
    void* data = MAP_FAILED;
    if (found == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
      data = mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                  file, 0);
    }
    const int reason = errno;
    close(file);
    if (found != 0 || !S_ISREG(status.st_mode)) throw CodedError("FILE_UNREADABLE", path + " is not a regular file");
    if (status.st_size == 0) throw CodedError("FILE_EMPTY", path + " is empty");
    if (data == MAP_FAILED) throw unreadable("cannot map ", path, reason);
    mapping->data = data;
    mapping->length = static_cast<size_t>(status.st_size);
    auto& mappings = environment(env).mappings;
    mappings.push_back(mapping);
    const double result[] = {static_cast<double>(mappings.size() - 1), static_cast<double>(mapping->length)};
    return array(env, 2, [&](size_t i) { return number(env, result[i]); });
  });
}

// mappedTensor(id, offset, dtype, shape) -> handle; no copy where the offset is aligned for the dtype
napi_value mappedTensor(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<4> in(env, info);
    auto mapping = mappingOf(env, in[0]);
    const int64_t offset = toInt(env, in[1]);
    const auto dtype = dtypeOf(toString(env, in[2]));
    const auto shape = toInts(env, in[3]);
    const int64_t length = bytesOf(shape, dtype);
    uint8_t* data = within(*mapping, offset, length);
    const auto options = at::TensorOptions().dtype(dtype);
    at::Tensor tensor;
    if (reinterpret_cast<uintptr_t>(data) % c10::elementSize(dtype) == 0) {
      tensor = at::from_blob(data, shape, [mapping](void*) {}, options);
    } else {
      tensor = at::empty(shape, options);
      std::memcpy(tensor.mutable_data_ptr(), data, static_cast<size_t>(length));
    }
    return number(env, environment(env).tensors.add(std::move(tensor)));
  });
}

// dropMapped(id, offset, length): the memory of that part, which is read from the file again where it is needed again; what
// was written to it is lost
napi_value dropMapped(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<3> in(env, info);
    const auto mapping = mappingOf(env, in[0]);
    const int64_t length = toInt(env, in[2]);
    const auto begin = reinterpret_cast<uintptr_t>(within(*mapping, toInt(env, in[1]), length));
    const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    // Whole pages only: the others hold a part of what is beside it.
    const uintptr_t first = (begin + page - 1) / page * page, last = (begin + static_cast<uintptr_t>(length)) / page * page;
    // Advice: where it is not taken, nothing is lost.
    if (last > first) (void)madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
    return undefined(env);
  });
}

// mappedBytes(id, offset, into): copies bytes of the file
napi_value mappedBytes(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<3> in(env, info);
    const auto mapping = mappingOf(env, in[0]);
    const Bytes bytes = toBytes(env, in[2]);
    const auto* data = within(*mapping, toInt(env, in[1]), static_cast<int64_t>(bytes.length));
    if (bytes.length > 0) std::memcpy(bytes.data, data, bytes.length);
    return undefined(env);
  });
}

// closeMapping(id): the memory goes when the last tensor of it is freed
napi_value closeMapping(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    auto& mappings = environment(env).mappings;
    mappings[toInt<size_t>(env, in[0], "the mapping", 0, static_cast<int64_t>(mappings.size()) - 1)].reset();
    return undefined(env);
  });
}

}  // namespace roc
