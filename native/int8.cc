#include "int8.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_int_mm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>

#include "environment.h"
#include "int8_kernels.h"
#include "javascript.h"
#include "types.h"

namespace roc {
namespace {

using int8::Element;
using int8::Kernels;
using int8::Row;

// Of a block of sums: its rows of bytes stay in the second cache and its sums in the first.
constexpr int64_t kRows = 66, kOutputs = 64, kInputs = 4096;
// 127 * 127 products of them are below 2^31.
constexpr int64_t kMostInputs = 1 << 17;
// Products that are worth waking a thread.
constexpr int64_t kWorth = 1 << 18;
// Rows from which libtorch's product, by tiles of bytes where the processor has them, is worth its copy of the weight.
constexpr int64_t kTileRows = 32;
// Sums of as many columns as this many bytes hold are finished before they leave the cache.
constexpr int64_t kSumBytes = 4 << 20;

// Of rows by which a product in float32 pays for widening the weight.
constexpr int64_t kFloatRows = 8;
// Inputs whose products add up to less than 2^24: as float32 they are exact, in whatever order they are added.
constexpr int64_t kFloatInputs = 1024;
// Outputs whose weights are widened at a time.
constexpr int64_t kFloatOutputs = 256;

const char* const kTorch = "libtorch";
const char* const kFloats = "floats";

// How many pieces of work, each as much as so many products, a thread is woken for.
int64_t grainOf(int64_t products) { return std::max<int64_t>(1, kWorth / std::max<int64_t>(1, products)); }

Element elementOf(const at::Tensor& x) {
  return x.scalar_type() == c10::ScalarType::BFloat16 ? Element::BFloat16 : Element::Float32;
}

// In a dtype that the kernels read, row after row.
at::Tensor readable(const at::Tensor& x) {
  const auto dtype = x.scalar_type();
  const bool known = dtype == c10::ScalarType::BFloat16 || dtype == c10::ScalarType::Float;
  return (known ? x : x.to(c10::ScalarType::Float)).contiguous();
}

// Rows of activations as bytes, and what belongs to each.
struct Quantized {
  at::Tensor bytes;
  int64_t pitch;
  std::vector<Row> rows;

  Quantized(const at::Tensor& x, int64_t count, int64_t inputs, int64_t pitch, const Kernels& kernels)
      : bytes(at::empty({count, pitch}, at::TensorOptions().dtype(c10::ScalarType::Char))),
        pitch(pitch),
        rows(static_cast<size_t>(count)) {
    const auto* from = static_cast<const uint8_t*>(x.const_data_ptr());
    auto* into = bytes.mutable_data_ptr<int8_t>();
    const int64_t rowBytes = inputs * static_cast<int64_t>(x.element_size());
    at::parallel_for(0, count, grainOf(inputs * 8), [&](int64_t begin, int64_t end) {
      kernels.quantize({from + begin * rowBytes, elementOf(x), end - begin, inputs}, into + begin * pitch, pitch,
                       rows.data() + begin);
    });
  }

  int8::Bytes8 at(int64_t row, int64_t input) const {
    return {bytes.const_data_ptr<int8_t>() + row * pitch + input, pitch};
  }
};

// A linear map from rows of `inputs` to rows of `outputs`.
struct Map {
  at::Tensor weight;  // [outputs, inputs], bytes
  at::Tensor scales;  // [outputs]
  std::optional<at::Tensor> bias;
  int64_t outputs;
  int64_t inputs;

  const float* scalesFrom(int64_t output) const { return scales.const_data_ptr<float>() + output; }
  const float* biasFrom(int64_t output) const { return bias ? bias->const_data_ptr<float>() + output : nullptr; }
};

int8::Finish finishOf(const int32_t* sums, int64_t stride, const Row* rows, int64_t count, const Map& map,
                      int64_t first, int64_t outputs, const at::Tensor& y, int64_t row) {
  const int64_t at = (row * map.outputs + first) * static_cast<int64_t>(y.element_size());
  auto* into = static_cast<uint8_t*>(y.mutable_data_ptr()) + at;
  return {sums,    stride, rows,         count,      map.scalesFrom(first), map.biasFrom(first),
          outputs, into,   elementOf(y), map.outputs};
}

// An odd number of cache lines: rows one after the other do not fall on the same ones.
int64_t spreadPitch(int64_t inputs) { return (((inputs + 63) / 64) | 1) * 64; }

void multiply(const at::Tensor& x, int64_t rows, const Map& map, const Kernels& kernels, at::Tensor& y) {
  const Quantized quantized(x, rows, map.inputs, spreadPitch(map.inputs), kernels);
  const int64_t rowBlocks = (rows + kRows - 1) / kRows;
  const int64_t blocks = rowBlocks * ((map.outputs + kOutputs - 1) / kOutputs);
  const int64_t perBlock = std::min(rows, kRows) * kOutputs * map.inputs;
  at::parallel_for(0, blocks, grainOf(perBlock), [&](int64_t begin, int64_t end) {
    int32_t sums[kRows * kOutputs];
    for (int64_t block = begin; block < end; ++block) {
      // All rows by some of the weight, which is read from memory once.
      const int64_t output = block / rowBlocks * kOutputs, row = block % rowBlocks * kRows;
      const int64_t outputs = std::min(kOutputs, map.outputs - output), count = std::min(kRows, rows - row);
      const Row* of = quantized.rows.data() + row;
      const int8_t* weight = map.weight.const_data_ptr<int8_t>() + output * map.inputs;
      for (int64_t k = 0; k < map.inputs; k += kInputs) {
        kernels.products({quantized.at(row, k), of, count, {weight + k, map.inputs}, outputs,
                          std::min(kInputs, map.inputs - k), sums, kOutputs, k == 0});
      }
      kernels.finish(finishOf(sums, kOutputs, of, count, map, output, outputs, y, row));
    }
  });
}

// The same by libtorch's product of bytes.
void multiplyByTorch(const at::Tensor& x, int64_t rows, const Map& map, const Kernels& kernels, at::Tensor& y) {
  const Quantized quantized(x, rows, map.inputs, map.inputs, kernels);
  const int64_t step = std::max<int64_t>(256, kSumBytes / 4 / rows / 64 * 64);
  for (int64_t output = 0; output < map.outputs; output += step) {
    const int64_t outputs = std::min(step, map.outputs - output);
    const at::Tensor sums = at::_int_mm(quantized.bytes, map.weight.narrow(0, output, outputs).t());
    const auto* from = sums.const_data_ptr<int32_t>();
    at::parallel_for(0, rows, grainOf(outputs * 8), [&](int64_t begin, int64_t end) {
      kernels.finish(finishOf(from + begin * outputs, outputs, quantized.rows.data() + begin, end - begin, map, output,
                              outputs, y, begin));
    });
  }
}

// The same by libtorch's product of float32, where there are no kernels for the processor.
void multiplyByFloats(const at::Tensor& x, int64_t rows, const Map& map, const Kernels& kernels, at::Tensor& y) {
  const Quantized quantized(x, rows, map.inputs, map.inputs, kernels);
  const at::Tensor wide = quantized.bytes.to(c10::ScalarType::Float);
  for (int64_t output = 0; output < map.outputs; output += kFloatOutputs) {
    const int64_t outputs = std::min(kFloatOutputs, map.outputs - output);
    const at::Tensor weight = map.weight.narrow(0, output, outputs).to(c10::ScalarType::Float).t();
    at::Tensor sums;
    for (int64_t k = 0; k < map.inputs; k += kFloatInputs) {
      const int64_t inputs = std::min(kFloatInputs, map.inputs - k);
      const at::Tensor part = at::mm(wide.narrow(1, k, inputs), weight.narrow(0, k, inputs)).to(c10::ScalarType::Int);
      sums = k == 0 ? part : sums.add_(part);
    }
    kernels.finish(finishOf(sums.const_data_ptr<int32_t>(), outputs, quantized.rows.data(), rows, map, output, outputs,
                            y, 0));
  }
}

// Whether libtorch's product is one: without VNNI, oneDNN adds in 16 bits, which saturate.
bool torchIsExact() {
  static const bool exact = [] {
    try {
      const auto bytes = at::TensorOptions().dtype(c10::ScalarType::Char);
      const at::Tensor x = at::full({64, 256}, 127, bytes), w = at::full({256, 64}, -127, bytes);
      return at::_int_mm(x, w).eq(-127 * 127 * 256).all().item<bool>();
    } catch (const c10::Error&) {
      return false;
    }
  }();
  return exact;
}

// The fastest kernels that this processor has, and libtorch may use (ATEN_CPU_CAPABILITY, as it reads it).
const Kernels& fastest() {
  static const Kernels& best = *[] {
    const char* most = std::getenv("ATEN_CPU_CAPABILITY");
    const std::string level = most == nullptr ? "" : most;
    for (const char* name : {"vnni", "avx2"}) {
      if (level == "default" || (level == "avx2" && name == std::string("vnni"))) continue;
      if (const Kernels* found = int8::kernels(name)) return found;
    }
    return int8::kernels("plain");
  }();
  return best;
}

void multiplyBy(const std::string& name, const at::Tensor& x, int64_t rows, const Map& map, at::Tensor& y) {
  if (name == kTorch) return multiplyByTorch(x, rows, map, fastest(), y);
  if (name == kFloats) return multiplyByFloats(x, rows, map, fastest(), y);
  const Kernels* kernels = int8::kernels(name.c_str());
  expect(kernels != nullptr, "this processor has no kernels called ", name);
  multiply(x, rows, map, *kernels, y);
}

// By the processor's instructions and the number of rows.
std::string bestFor(int64_t rows) {
  if (int8::hasTiles() && rows >= kTileRows && torchIsExact()) return kTorch;
  const std::string name = fastest().name;
  return name == "plain" && rows >= kFloatRows ? kFloats : name;
}

Map mapOf(napi_env env, napi_value weight, napi_value scales, napi_value bias) {
  Map map{tensorOf(env, weight), tensorOf(env, scales), std::nullopt, 0, 0};
  expect(map.weight.dim() == 2 && map.weight.scalar_type() == c10::ScalarType::Char && map.weight.is_contiguous(),
         "the weight is ", nameOf(map.weight.scalar_type()), map.weight.sizes(),
         "; give int8 [outputs, inputs], row after row");
  map.outputs = map.weight.size(0);
  map.inputs = map.weight.size(1);
  expect(map.inputs <= kMostInputs, "the weight has ", map.inputs, " inputs; sums of more than ", kMostInputs,
         " products do not fit");
  expect(map.scales.sizes() == c10::IntArrayRef({map.outputs}) && map.scales.scalar_type() == c10::ScalarType::Float,
         "the scales are ", nameOf(map.scales.scalar_type()), map.scales.sizes(), "; give float32 [", map.outputs, "]");
  map.scales = map.scales.contiguous();
  if (typeOf(env, bias) != napi_null) {
    map.bias = tensorOf(env, bias).detach().to(c10::ScalarType::Float).contiguous();
    expect(map.bias->sizes() == c10::IntArrayRef({map.outputs}), "the bias is ", map.bias->sizes(), "; give [",
           map.outputs, "]");
  }
  for (const at::Tensor& tensor : {map.weight, map.scales, map.bias.value_or(map.scales)}) {
    expect(tensor.is_cpu(), "the map is on ", tensor.device().str(), "; these kernels are for the CPU");
  }
  return map;
}

}  // namespace

// quantizeRows(x) -> [bytes, scales]; x is a matrix
napi_value quantizeRows(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<1> in(env, info);
    const at::Tensor& given = tensorOf(env, in[0]);
    expect(given.dim() == 2 && given.is_floating_point() && given.is_cpu(),
           "expected a matrix of floating-point numbers on the CPU");
    const at::Tensor x = readable(given.detach());
    const Quantized quantized(x, x.size(0), x.size(1), x.size(1), fastest());
    const at::Tensor scales = at::empty({x.size(0)}, at::TensorOptions().dtype(c10::ScalarType::Float));
    auto* into = scales.mutable_data_ptr<float>();
    for (const Row& row : quantized.rows) *into++ = row.scale;
    auto& tensors = environment(env).tensors;
    const double handles[] = {tensors.add(quantized.bytes), tensors.add(scales)};
    return array(env, 2, [&](size_t i) { return number(env, handles[i]); });
  });
}

// int8Linear(x, weight, scales, bias or null, kernels or null) -> handle, of x's dtype
napi_value int8Linear(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    Arguments<5> in(env, info);
    const at::Tensor& given = tensorOf(env, in[0]);
    const Map map = mapOf(env, in[1], in[2], in[3]);
    expect(given.dim() >= 1 && given.is_floating_point() && given.is_cpu() && given.size(-1) == map.inputs, "x is ",
           nameOf(given.scalar_type()), given.sizes(), " on ", given.device().str(), "; give [..., ", map.inputs,
           "] of floating-point numbers on the CPU");
    expect(!(at::GradMode::is_enabled() && given.requires_grad()), "products in 8 bits have no gradient");
    const at::Tensor x = readable(given.detach());
    auto shape = x.sizes().vec();
    shape.back() = map.outputs;
    at::Tensor y = at::empty(shape, x.options());
    const int64_t rows = map.inputs == 0 ? 0 : x.numel() / map.inputs;
    if (map.inputs == 0) y.zero_();
    if (rows > 0 && map.outputs > 0) {
      multiplyBy(typeOf(env, in[4]) == napi_string ? toString(env, in[4]) : bestFor(rows), x, rows, map, y);
    }
    return number(env, environment(env).tensors.add(y.to(given.scalar_type())));
  });
}

// int8Kernels() -> names of those that this processor has and that are exact; libtorch's own products last
napi_value int8Kernels(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    std::vector<std::string> names;
    for (const char* name : {"vnni", "avx2", "plain"}) {
      if (int8::kernels(name) != nullptr) names.emplace_back(name);
    }
    names.emplace_back(kFloats);
    if (torchIsExact()) names.emplace_back(kTorch);
    return array(env, names.size(), [&](size_t i) { return text(env, names[i]); });
  });
}

}  // namespace roc
