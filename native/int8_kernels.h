// Products of rows in 8 bits on the CPU. No libtorch in here.
//
// Every kernel gives the same bits on every processor: sums are whole numbers, and the steps in float32 are single
// operations in a stated order (the file is compiled without contraction). For a row x of activations and a row w of a
// weight with its scale c:
//
//   most = max |x[k]|; s = most / 127; q[k] = x[k] * (127 / most), rounded half to even
//   y = float(sum of q[k] * w[k]) * (s * c) + bias, rounded half to even to the result's type
//
// A row whose most is below 2^-100 (127 / most would overflow) counts as zeros; one with a NaN or an infinity gets the
// scale NaN, so that all that comes of it is NaN.
#pragma once

#include <cstdint>

namespace roc::int8 {

// bfloat16 as its bits.
enum class Element { Float32, BFloat16 };

// What a row becomes beside its bytes.
struct Row {
  float scale;
  int32_t sum;  // of its bytes
};

// Rows as they are given.
struct Rows {
  const void* data;
  Element element;
  int64_t rows;
  int64_t inputs;
};

// Rows of bytes, each `pitch` after the one before.
struct Bytes8 {
  const int8_t* data;
  int64_t pitch;
};

// Products of `rows` rows of x and `outputs` rows of w over `inputs` bytes.
struct Block {
  Bytes8 x;
  const Row* quantized;
  int64_t rows;
  Bytes8 w;
  int64_t outputs;
  int64_t inputs;
  // Of row r and output o: sums[r * stride + o].
  int32_t* sums;
  int64_t stride;
  // Of the parts of a row: the first sets the sums, the others add to them.
  bool isFirst;
};

// What sums become.
struct Finish {
  const int32_t* sums;
  int64_t stride;
  const Row* quantized;
  int64_t rows;
  const float* scales;
  const float* bias;  // or null
  int64_t outputs;
  // Row r begins at r * pitch elements.
  void* y;
  Element element;
  int64_t pitch;
};

struct Kernels {
  const char* name;
  void (*quantize)(const Rows& x, int8_t* bytes, int64_t pitch, Row* quantized);
  void (*products)(const Block& block);
  void (*finish)(const Finish& finish);
};

// The kernels of that name ("vnni", "avx2", "plain"); null where this processor has not got their instructions.
const Kernels* kernels(const char* name);

// Whether this processor multiplies tiles of bytes (AMX).
bool hasTiles();

}  // namespace roc::int8
