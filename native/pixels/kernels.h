// Weighted sums of 8-bit pixels along and across rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "taps.h"

namespace pixels {

// Bytes behind the last pixel of a row that `across` may read.
constexpr size_t kSlack = 16;

using Color = uint8_t[3];

struct Kernels {
  // Four rows of RGB along their length: `out[r]` gets `taps.outputs()` pixels and up to 1 byte behind them.
  void (*across)(const uint8_t* const rows[4], const Taps& taps, const Color& canvas, uint8_t* const out[4]);
  // The bytes `[from, to)` of output row `y`; stored row `i` is at `rows + i * stride`.
  void (*down)(const uint8_t* rows, size_t stride, const Taps& taps, int y, const Color& canvas, size_t from, size_t to,
               uint8_t* out);
};

struct NamedKernels {
  const char* name;
  Kernels kernels;
};

// Those that this processor runs, the fastest first.
const std::vector<NamedKernels>& kernels();

}  // namespace pixels
