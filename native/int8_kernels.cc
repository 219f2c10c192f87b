#include "int8_kernels.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#define INT8_X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

// Tiles of sums stay in registers only where the loops over them are unrolled early.
#define UNROLLED _Pragma("GCC unroll 8")
#define INLINE inline __attribute__((always_inline))

namespace roc::int8 {
namespace {

INLINE uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

INLINE float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

INLINE float load(float value) { return value; }
INLINE float load(uint16_t value) { return floatOf(static_cast<uint32_t>(value) << 16); }

INLINE void store(float value, float& into) { into = value; }
INLINE void store(float value, uint16_t& into) {
  const uint32_t bits = bitsOf(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  into = static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
}

// Sums wrap: only the last value has to fit.
INLINE int32_t wrapped(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

constexpr uint32_t kInfinity = 0x7f800000u;
constexpr uint32_t kNan = 0x7fc00000u;
constexpr float kLeast = 0x1p-100f;
// Added to a small number, it rounds that to a whole one, half to even, in the low bits.
constexpr float kRounder = 12582912.0f;

template <typename T>
INLINE Row quantizeRow(const T* x, int64_t inputs, int8_t* bytes) {
  uint32_t most = 0;  // as bits, which are in the order of the numbers
  for (int64_t k = 0; k < inputs; ++k) most = std::max(most, bitsOf(load(x[k])) & 0x7fffffffu);
  if (most >= kInfinity || floatOf(most) < kLeast) {
    std::memset(bytes, 0, static_cast<size_t>(inputs));
    return {most >= kInfinity ? floatOf(kNan) : 0.0f, 0};
  }
  const float factor = 127.0f / floatOf(most);
  int32_t sum = 0;
  for (int64_t k = 0; k < inputs; ++k) {
    const auto byte = static_cast<int8_t>(bitsOf(load(x[k]) * factor + kRounder));
    bytes[k] = byte;
    sum += byte;
  }
  return {floatOf(most) / 127.0f, sum};
}

template <typename T>
INLINE void quantizeRows(const Rows& x, int8_t* bytes, int64_t pitch, Row* quantized) {
  const T* from = static_cast<const T*>(x.data);
  for (int64_t r = 0; r < x.rows; ++r) quantized[r] = quantizeRow(from + r * x.inputs, x.inputs, bytes + r * pitch);
}

template <typename T>
INLINE void finishRows(const Finish& to) {
  const float* scales = to.scales;
  const float* bias = to.bias;
  for (int64_t r = 0; r < to.rows; ++r) {
    const float scale = to.quantized[r].scale;
    const int32_t* sums = to.sums + r * to.stride;
    T* y = static_cast<T*>(to.y) + r * to.pitch;
    if (bias == nullptr) {
      for (int64_t o = 0; o < to.outputs; ++o) store(static_cast<float>(sums[o]) * (scale * scales[o]), y[o]);
    } else {
      for (int64_t o = 0; o < to.outputs; ++o) store(static_cast<float>(sums[o]) * (scale * scales[o]) + bias[o], y[o]);
    }
  }
}

// The same bodies, compiled for each set of instructions.
#define BODIES(target, suffix)                                                                    \
  target void quantize_##suffix(const Rows& x, int8_t* bytes, int64_t pitch, Row* quantized) {    \
    if (x.element == Element::Float32) quantizeRows<float>(x, bytes, pitch, quantized);           \
    else quantizeRows<uint16_t>(x, bytes, pitch, quantized);                                      \
  }                                                                                               \
  target void finish_##suffix(const Finish& to) {                                                 \
    if (to.element == Element::Float32) finishRows<float>(to);                                    \
    else finishRows<uint16_t>(to);                                                                \
  }

BODIES(, plain)

INLINE void put(const Block& block, int64_t r, int64_t o, int32_t sum) {
  int32_t& at = block.sums[r * block.stride + o];
  at = block.isFirst ? sum : wrapped(at, sum);
}

INLINE int32_t product(const int8_t* a, const int8_t* b, int64_t from, int64_t to) {
  int32_t sum = 0;
  for (int64_t k = from; k < to; ++k) sum += int32_t{a[k]} * b[k];
  return sum;
}

void products_plain(const Block& block) {
  for (int64_t o = 0; o < block.outputs; ++o) {
    const int8_t* w = block.w.data + o * block.w.pitch;
    for (int64_t r = 0; r < block.rows; ++r) {
      put(block, r, o, product(block.x.data + r * block.x.pitch, w, 0, block.inputs));
    }
  }
}

#ifdef INT8_X86

// Calls tile.run<outputs, rows>(first output, first row) for tiles of the given size, and smaller ones for the rest.
template <int kOutputs, int kRows, typename Tile>
INLINE void tiles(const Block& block, const Tile& tile) {
  int64_t o = 0;
  for (; o + kOutputs <= block.outputs; o += kOutputs) {
    int64_t r = 0;
    for (; r + kRows <= block.rows; r += kRows) tile.template run<kOutputs, kRows>(o, r);
    for (; r + 2 <= block.rows; r += 2) tile.template run<kOutputs, 2>(o, r);
    if (r < block.rows) tile.template run<kOutputs, 1>(o, r);
  }
  for (; o < block.outputs; ++o) {
    for (int64_t r = 0; r < block.rows; ++r) tile.template run<1, 1>(o, r);
  }
}

#define AVX2 __attribute__((target("avx2")))

BODIES(AVX2, avx2)

AVX2 INLINE __m256i widened(const int8_t* bytes) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
}

AVX2 INLINE int32_t total(__m256i sums) {
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}

// Bytes widened to 16 bits, products of neighbours added: exact, unlike vpmaddubsw, whose sums of 16 bits saturate.
struct Avx2Tile {
  const Block& block;

  template <int W, int X>
  AVX2 void run(int64_t o, int64_t r) const {
    const int64_t inputs = block.inputs, xPitch = block.x.pitch, wPitch = block.w.pitch;
    const int8_t* x = block.x.data + r * xPitch;
    const int8_t* w = block.w.data + o * wPitch;
    __m256i sum[W][X] = {};
    int64_t k = 0;
    for (; k + 16 <= inputs; k += 16) {
      __m256i left[X];
      UNROLLED
      for (int j = 0; j < X; ++j) left[j] = widened(x + j * xPitch + k);
      UNROLLED
      for (int i = 0; i < W; ++i) {
        const __m256i right = widened(w + i * wPitch + k);
        UNROLLED
        for (int j = 0; j < X; ++j) sum[i][j] = _mm256_add_epi32(sum[i][j], _mm256_madd_epi16(left[j], right));
      }
    }
    UNROLLED
    for (int i = 0; i < W; ++i) {
      UNROLLED
      for (int j = 0; j < X; ++j) {
        put(block, r + j, o + i, total(sum[i][j]) + product(x + j * xPitch, w + i * wPitch, k, inputs));
      }
    }
  }
};

AVX2 void products_avx2(const Block& block) { tiles<4, 3>(block, Avx2Tile{block}); }

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

BODIES(VNNI, vnni)

// As an instruction: with the intrinsic, GCC 12 keeps the sums of a tile in memory.
VNNI INLINE void addProducts(__m512i& sum, __m512i unsignedBytes, __m512i signedBytes) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(unsignedBytes), "v"(signedBytes));
}

// vpdpbusd multiplies unsigned by signed bytes: the weight's have 128 added, and 128 times the sum of x's is taken off.
struct VnniTile {
  const Block& block;

  template <int W, int X>
  VNNI void run(int64_t o, int64_t r) const {
    const int64_t inputs = block.inputs, xPitch = block.x.pitch, wPitch = block.w.pitch;
    const int8_t* x = block.x.data + r * xPitch;
    const int8_t* w = block.w.data + o * wPitch;
    const __m512i flip = _mm512_set1_epi8(static_cast<char>(0x80));
    __m512i sum[X][W] = {};
    int64_t k = 0;
    for (; k + 64 <= inputs; k += 64) {
      __m512i right[W];
      UNROLLED
      for (int i = 0; i < W; ++i) right[i] = _mm512_xor_si512(_mm512_loadu_si512(w + i * wPitch + k), flip);
      UNROLLED
      for (int j = 0; j < X; ++j) {
        const __m512i left = _mm512_loadu_si512(x + j * xPitch + k);
        UNROLLED
        for (int i = 0; i < W; ++i) addProducts(sum[j][i], right[i], left);
      }
    }
    if (k < inputs) {
      const __mmask64 rest = (__mmask64{1} << (inputs - k)) - 1;
      __m512i right[W];
      UNROLLED
      for (int i = 0; i < W; ++i) right[i] = _mm512_xor_si512(_mm512_maskz_loadu_epi8(rest, w + i * wPitch + k), flip);
      UNROLLED
      for (int j = 0; j < X; ++j) {
        const __m512i left = _mm512_maskz_loadu_epi8(rest, x + j * xPitch + k);
        UNROLLED
        for (int i = 0; i < W; ++i) addProducts(sum[j][i], right[i], left);
      }
    }
    UNROLLED
    for (int j = 0; j < X; ++j) {
      // Once for the whole row, of which this may be a part.
      const int32_t added = block.isFirst ? block.quantized[r + j].sum * 128 : 0;
      if constexpr (W == 4) {
        auto* into = reinterpret_cast<__m128i*>(block.sums + (r + j) * block.stride + o);
        const __m128i before = block.isFirst ? _mm_set1_epi32(-added) : _mm_loadu_si128(into);
        _mm_storeu_si128(into, _mm_add_epi32(before, totals(sum[j][0], sum[j][1], sum[j][2], sum[j][3])));
      } else {
        UNROLLED
        for (int i = 0; i < W; ++i) put(block, r + j, o + i, wrapped(_mm512_reduce_add_epi32(sum[j][i]), -added));
      }
    }
  }

  static VNNI INLINE __m128i totals(__m512i a, __m512i b, __m512i c, __m512i d) {
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    const __m512i lanes = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    const __m256i halves = _mm256_add_epi32(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64(lanes, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
  }
};

VNNI void products_vnni(const Block& block) { tiles<4, 6>(block, VnniTile{block}); }

bool supportsVnni() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

#endif

}  // namespace

const Kernels* kernels(const char* name) {
  static const Kernels plain{"plain", quantize_plain, products_plain, finish_plain};
  if (std::strcmp(name, plain.name) == 0) return &plain;
#ifdef INT8_X86
  static const Kernels avx2{"avx2", quantize_avx2, products_avx2, finish_avx2};
  static const Kernels vnni{"vnni", quantize_vnni, products_vnni, finish_vnni};
  if (std::strcmp(name, avx2.name) == 0) return __builtin_cpu_supports("avx2") ? &avx2 : nullptr;
  if (std::strcmp(name, vnni.name) == 0) return supportsVnni() ? &vnni : nullptr;
#endif
  return nullptr;
}

bool hasTiles() {
#ifdef INT8_X86
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kTile = 1u << 24, kInt8 = 1u << 25;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kTile) != 0 && (d & kInt8) != 0;
#else
  return false;
#endif
}

}  // namespace roc::int8
