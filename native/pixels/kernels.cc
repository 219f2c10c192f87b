#include "kernels.h"

#include <algorithm>

#if defined(__x86_64__) && defined(__GNUC__)
#define PIXELS_X86 1
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace pixels {
namespace {

// Sums wrap: only the last value has to fit (taps.h).
uint8_t to_byte(uint32_t sum) {
  const int32_t value = static_cast<int32_t>(sum) >> kPrecisionBits;
  return static_cast<uint8_t>(std::min(std::max(value, 0), 255));
}

uint32_t base(const Taps& taps, int output, uint8_t canvas) {
  return kHalf + static_cast<uint32_t>(taps.outside[output]) * canvas;
}

// Portable vectors: four sums.
using Lanes = uint32_t __attribute__((vector_size(16)));
using Signed = int32_t __attribute__((vector_size(16)));
using Bytes = uint8_t __attribute__((vector_size(4)));

// Four bytes, a number each.
Lanes widened(const uint8_t* from) {
#ifdef __aarch64__
  uint32_t four;
  __builtin_memcpy(&four, from, 4);
  return reinterpret_cast<Lanes>(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
#else
  Bytes bytes;
  __builtin_memcpy(&bytes, from, 4);
  return __builtin_convertvector(bytes, Lanes);
#endif
}

// `to_byte` of four sums.
void write_lanes(Lanes sums, uint8_t* out) {
  Signed values = reinterpret_cast<Signed>(sums) >> kPrecisionBits;
  values &= values >= 0;
  values |= values > 255;
  const Bytes bytes = __builtin_convertvector(values, Bytes);
  __builtin_memcpy(out, &bytes, 4);
}

// A pixel and the byte behind it at a time.
void across_portable(const uint8_t* const rows[4], const Taps& taps, const Color& canvas, uint8_t* const out[4]) {
  for (int x = 0; x < taps.outputs(); x++) {
    const size_t first = static_cast<size_t>(taps.starts[x]) * 3;
    const Lanes start = {base(taps, x, canvas[0]), base(taps, x, canvas[1]), base(taps, x, canvas[2]), 0};
    Lanes a = start, b = start, c = start, d = start;
    for (int k = 0; k < taps.counts[x]; k++) {
      const uint32_t weight = taps.weight(x, k);
      const size_t at = first + static_cast<size_t>(k) * 3;
      a += weight * widened(rows[0] + at);
      b += weight * widened(rows[1] + at);
      c += weight * widened(rows[2] + at);
      d += weight * widened(rows[3] + at);
    }
    const Lanes sums[4] = {a, b, c, d};
    for (int r = 0; r < 4; r++) write_lanes(sums[r], out[r] + x * 3);
  }
}

// One sum, for the bytes that are left.
uint8_t down_byte(const uint8_t* column, size_t stride, const Taps& taps, int y, uint32_t start) {
  uint32_t sum = start;
  for (int k = 0; k < taps.counts[y]; k++) sum += taps.weight(y, k) * static_cast<uint32_t>(column[k * stride]);
  return to_byte(sum);
}

// 16 bytes at a time.
void down_portable(const uint8_t* rows, size_t stride, const Taps& taps, int y, const Color& canvas, size_t from,
                   size_t to, uint8_t* out) {
  const uint32_t starts[3] = {base(taps, y, canvas[0]), base(taps, y, canvas[1]), base(taps, y, canvas[2])};
  const uint8_t* first = rows + taps.starts[y] * stride;
  const auto start = [&](size_t at) { return Lanes{starts[at % 3], starts[(at + 1) % 3], starts[(at + 2) % 3], starts[at % 3]}; };
  size_t at = from;
  for (; at + 16 <= to; at += 16) {
    Lanes a = start(at), b = start(at + 4), c = start(at + 8), d = start(at + 12);
    for (int k = 0; k < taps.counts[y]; k++) {
      const uint32_t weight = taps.weight(y, k);
      const uint8_t* bytes = first + k * stride + at;
      a += weight * widened(bytes);
      b += weight * widened(bytes + 4);
      c += weight * widened(bytes + 8);
      d += weight * widened(bytes + 12);
    }
    const Lanes sums[4] = {a, b, c, d};
    for (int i = 0; i < 4; i++) write_lanes(sums[i], out + at + 4 * i);
  }
  for (; at < to; at++) out[at] = down_byte(first + at, stride, taps, y, starts[at % 3]);
}

#ifdef PIXELS_X86

#define AVX2 __attribute__((target("avx2")))

// Two halves of a weight for two taps each, in every 32 bits.
struct Weights {
  __m128i high, low;
};

Weights weights_of(const Taps& taps, int output, int k) {
  const size_t at = static_cast<size_t>(output) * taps.stride + k;
  int32_t pair[2];
  __builtin_memcpy(&pair[0], taps.high.data() + at, 4);
  __builtin_memcpy(&pair[1], taps.low.data() + at, 4);
  return {_mm_set1_epi32(pair[0]), _mm_set1_epi32(pair[1])};
}

// The sums of four outputs: of the halves of weights, and what they begin with.
__m128i summed(__m128i highs, __m128i lows, __m128i start) {
  const __m128i both = _mm_add_epi32(_mm_slli_epi32(highs, kLowBits), lows);
  return _mm_srai_epi32(_mm_add_epi32(both, start), kPrecisionBits);
}

// Two taps at a time: two pixels as pairs of 16-bit numbers, a channel each; then one product and sum of pairs for the high
// halves of the weights, and one for the low ones.
void across_sse2(const uint8_t* const rows[4], const Taps& taps, const Color& canvas, uint8_t* const out[4]) {
  const __m128i zero = _mm_setzero_si128();
  for (int x = 0; x < taps.outputs(); x++) {
    const size_t first = static_cast<size_t>(taps.starts[x]) * 3;
    __m128i highs[4] = {}, lows[4] = {};
    for (int k = 0; k < taps.counts[x]; k += 2) {
      const Weights w = weights_of(taps, x, k);
      const size_t at = first + static_cast<size_t>(k) * 3;
#pragma GCC unroll 4
      for (int r = 0; r < 4; r++) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(rows[r] + at));
        const __m128i pairs = _mm_unpacklo_epi8(_mm_unpacklo_epi8(bytes, _mm_srli_si128(bytes, 3)), zero);
        highs[r] = _mm_add_epi32(highs[r], _mm_madd_epi16(pairs, w.high));
        lows[r] = _mm_add_epi32(lows[r], _mm_madd_epi16(pairs, w.low));
      }
    }
    const __m128i start = _mm_setr_epi32(base(taps, x, canvas[0]), base(taps, x, canvas[1]), base(taps, x, canvas[2]), 0);
    for (int r = 0; r < 4; r++) {
      const __m128i sum = summed(highs[r], lows[r], start), words = _mm_packs_epi32(sum, sum);
      const int32_t four = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
      __builtin_memcpy(out[r] + x * 3, &four, 4);
    }
  }
}

// 16 bytes of two rows at a time.
void down_sse2(const uint8_t* rows, size_t stride, const Taps& taps, int y, const Color& canvas, size_t from, size_t to,
               uint8_t* out) {
  const __m128i zero = _mm_setzero_si128();
  const int count = taps.counts[y];
  const uint8_t* first = rows + taps.starts[y] * stride;
  uint32_t starts[6];
  for (int i = 0; i < 6; i++) starts[i] = base(taps, y, canvas[i % 3]);
  size_t at = from;
  for (; at + 16 <= to; at += 16) {
    __m128i highs[4] = {}, lows[4] = {};
    for (int k = 0; k < count; k += 2) {
      const Weights w = weights_of(taps, y, k);
      const uint8_t* row = first + k * stride + at;
      const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row));
      // A weight behind the last is 0.
      const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(k + 1 < count ? row + stride : row));
      const __m128i left = _mm_unpacklo_epi8(a, b), right = _mm_unpackhi_epi8(a, b);
      const __m128i pairs[4] = {_mm_unpacklo_epi8(left, zero), _mm_unpackhi_epi8(left, zero),
                                _mm_unpacklo_epi8(right, zero), _mm_unpackhi_epi8(right, zero)};
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) {
        highs[i] = _mm_add_epi32(highs[i], _mm_madd_epi16(pairs[i], w.high));
        lows[i] = _mm_add_epi32(lows[i], _mm_madd_epi16(pairs[i], w.low));
      }
    }
    __m128i sums[4];
    for (int i = 0; i < 4; i++) {
      // From a table of a period of 3.
      const auto* start = reinterpret_cast<const __m128i*>(starts + (at + 4 * i) % 3);
      sums[i] = summed(highs[i], lows[i], _mm_loadu_si128(start));
    }
    const __m128i bytes = _mm_packus_epi16(_mm_packs_epi32(sums[0], sums[1]), _mm_packs_epi32(sums[2], sums[3]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + at), bytes);
  }
  for (; at < to; at++) out[at] = down_byte(first + at, stride, taps, y, starts[at % 3]);
}

// Four taps at a time: the pixels 0 1 | 2 3 of 16 bytes.
AVX2 void across_avx2(const uint8_t* const rows[4], const Taps& taps, const Color& canvas, uint8_t* const out[4]) {
  const __m256i pairs = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                                         6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const __m256i spread = _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,  //
                                          4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
  for (int x = 0; x < taps.outputs(); x++) {
    const int16_t* high = taps.high.data() + static_cast<size_t>(x) * taps.stride;
    const int16_t* low = taps.low.data() + static_cast<size_t>(x) * taps.stride;
    const size_t first = static_cast<size_t>(taps.starts[x]) * 3;
    __m256i highs[4] = {}, lows[4] = {};
    for (int k = 0; k < taps.counts[x]; k += 4) {
      const __m256i h = _mm256_shuffle_epi8(
          _mm256_broadcastsi128_si256(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(high + k))), spread);
      const __m256i l = _mm256_shuffle_epi8(
          _mm256_broadcastsi128_si256(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(low + k))), spread);
      for (int r = 0; r < 4; r++) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[r] + first + k * 3));
        const __m256i p = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), pairs);
        highs[r] = _mm256_add_epi32(highs[r], _mm256_madd_epi16(p, h));
        lows[r] = _mm256_add_epi32(lows[r], _mm256_madd_epi16(p, l));
      }
    }
    const __m128i start = _mm_setr_epi32(base(taps, x, canvas[0]), base(taps, x, canvas[1]), base(taps, x, canvas[2]), 0);
    for (int r = 0; r < 4; r++) {
      const __m256i both = _mm256_add_epi32(_mm256_slli_epi32(highs[r], kLowBits), lows[r]);
      __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
      sum = _mm_srai_epi32(_mm_add_epi32(sum, start), kPrecisionBits);
      const __m128i words = _mm_packs_epi32(sum, sum);
      const int32_t four = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
      __builtin_memcpy(out[r] + x * 3, &four, 4);
    }
  }
}

// 16 bytes of two rows at a time.
AVX2 void down_avx2(const uint8_t* rows, size_t stride, const Taps& taps, int y, const Color& canvas, size_t from,
                    size_t to, uint8_t* out) {
  const int16_t* high = taps.high.data() + static_cast<size_t>(y) * taps.stride;
  const int16_t* low = taps.low.data() + static_cast<size_t>(y) * taps.stride;
  const int count = taps.counts[y];
  uint32_t starts[18];
  for (int i = 0; i < 18; i++) starts[i] = base(taps, y, canvas[i % 3]);
  size_t at = from;
  for (; at + 16 <= to; at += 16) {
    __m256i highs[2] = {}, lows[2] = {};
    for (int k = 0; k < count; k += 2) {
      const uint8_t* row = rows + (taps.starts[y] + k) * stride + at;
      const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row));
      // A weight behind the last is 0.
      const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(k + 1 < count ? row + stride : row));
      int32_t pair[2];
      __builtin_memcpy(&pair[0], high + k, 4);
      __builtin_memcpy(&pair[1], low + k, 4);
      const __m256i h = _mm256_set1_epi32(pair[0]), l = _mm256_set1_epi32(pair[1]);
      const __m256i p0 = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b));
      const __m256i p1 = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b));
      highs[0] = _mm256_add_epi32(highs[0], _mm256_madd_epi16(p0, h));
      lows[0] = _mm256_add_epi32(lows[0], _mm256_madd_epi16(p0, l));
      highs[1] = _mm256_add_epi32(highs[1], _mm256_madd_epi16(p1, h));
      lows[1] = _mm256_add_epi32(lows[1], _mm256_madd_epi16(p1, l));
    }
    __m256i sums[2];
    for (int i = 0; i < 2; i++) {
      // 16 sums from a table of a period of 3: the second 8 begin two channels further on.
      const uint32_t* shifted = starts + (at + 8 * i) % 3;
      const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(shifted));
      const __m256i both = _mm256_add_epi32(_mm256_slli_epi32(highs[i], kLowBits), lows[i]);
      sums[i] = _mm256_srai_epi32(_mm256_add_epi32(both, first), kPrecisionBits);
    }
    // packs works in halves of 128 bits: put them in order again.
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(sums[0], sums[1]), 0xd8);
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + at), bytes);
  }
  for (; at < to; at++) out[at] = down_byte(rows + taps.starts[y] * stride + at, stride, taps, y, starts[at % 3]);
}

#endif

}  // namespace

const std::vector<NamedKernels>& kernels() {
  static const std::vector<NamedKernels> found = [] {
    std::vector<NamedKernels> all;
#ifdef PIXELS_X86
    if (__builtin_cpu_supports("avx2")) all.push_back({"avx2", {across_avx2, down_avx2}});
    all.push_back({"sse2", {across_sse2, down_sse2}});
#endif
    all.push_back({"portable", {across_portable, down_portable}});
    return all;
  }();
  return found;
}

}  // namespace pixels
