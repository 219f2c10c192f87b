#include "tensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "environment.h"
#include "javascript.h"
#include "types.h"

namespace roc {
namespace {

int64_t product(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (int64_t size : shape) {
    TORCH_CHECK(size >= 0 && !__builtin_mul_overflow(count, size, &count), "shape [", c10::IntArrayRef(shape),
                "] is negative or too large");
  }
  return count;
}

std::shared_ptr<Mapping> mappingOf(napi_env env, napi_value id) {
  const auto& mappings = environment(env).mappings;
  const int64_t index = toInt(env, id);
  TORCH_CHECK(index >= 0 && static_cast<size_t>(index) < mappings.size() && mappings[static_cast<size_t>(index)],
              "the mapped file was closed");
  return mappings[static_cast<size_t>(index)];
}

// The part of a mapping, checked against its length.
uint8_t* within(const Mapping& mapping, int64_t offset, int64_t length) {
  int64_t end = 0;
  TORCH_CHECK(offset >= 0 && length >= 0 && !__builtin_add_overflow(offset, length, &end) &&
                  static_cast<size_t>(end) <= mapping.length,
              "bytes ", offset, " to ", end, " lie outside the mapped file of ", mapping.length, " bytes");
  return static_cast<uint8_t*>(mapping.data) + offset;
}

}  // namespace

// fromBytes(bytes, dtype, shape) -> handle; one copy
napi_value fromBytes(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<3> in(env, info);
    const Bytes bytes = toBytes(env, in[0]);
    const auto dtype = dtypeOf(toString(env, in[1]));
    const auto shape = toInts(env, in[2]);
    const auto expected = static_cast<size_t>(product(shape)) * c10::elementSize(dtype);
    TORCH_CHECK(bytes.length == expected, "shape [", c10::IntArrayRef(shape), "] of ", nameOf(dtype), " needs ", expected,
                " bytes and received ", bytes.length);
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
    TORCH_CHECK(bytes.length == tensor.nbytes(), "the tensor has ", tensor.nbytes(), " bytes, the array ", bytes.length);
    if (bytes.length > 0) std::memcpy(bytes.data, tensor.const_data_ptr(), bytes.length);
    return undefined(env);
  });
}

napi_value itemOf(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    return number(env, tensorOf(env, in[0]).item().toDouble());
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
    environment(env).tensors.endScope(static_cast<uint32_t>(toInt(env, in[0])), toDoubles(env, in[1]));
    return undefined(env);
  });
}

napi_value liveTensors(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return number(env, static_cast<double>(environment(env).tensors.live())); });
}

// adjustMemory(bytes): tells the garbage collector of native bytes that only it can free
napi_value adjustMemory(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    int64_t total = 0;
    napi_adjust_external_memory(env, toInt(env, in[0]), &total);
    return number(env, static_cast<double>(total));
  });
}

// openMapping(path) -> [id, length]; private: writing to a tensor of it never reaches the file
napi_value openMapping(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    const std::string path = toString(env, in[0]);
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    TORCH_CHECK(file >= 0, "cannot open ", path, ": ", std::strerror(errno));
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
    TORCH_CHECK(found == 0 && S_ISREG(status.st_mode), path, " is not a regular file");
    TORCH_CHECK(status.st_size > 0, path, " is empty");
    TORCH_CHECK(data != MAP_FAILED, "cannot map ", path, ": ", std::strerror(reason));
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
    int64_t length = 0;
    TORCH_CHECK(!__builtin_mul_overflow(product(shape), static_cast<int64_t>(c10::elementSize(dtype)), &length),
                "the tensor is too large");
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
    const auto index = static_cast<size_t>(toInt(env, in[0]));
    if (index < mappings.size()) mappings[index].reset();
    return undefined(env);
  });
}

}  // namespace roc
