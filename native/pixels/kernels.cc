#include "kernels.h"

#include <algorithm>

#if defined(__x86_64__) && defined(__GNUC__)
#define PIXELS_AVX2 1
#include <immintrin.h>
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

void across_plain(const uint8_t* const rows[4], const Taps& taps, const Color& canvas, uint8_t* const out[4]) {
  for (int r = 0; r < 4; r++) {
    for (int x = 0; x < taps.outputs(); x++) {
      uint32_t sums[3] = {base(taps, x, canvas[0]), base(taps, x, canvas[1]), base(taps, x, canvas[2])};
      const uint8_t* pixel = rows[r] + static_cast<size_t>(taps.starts[x]) * 3;
      for (int k = 0; k < taps.counts[x]; k++, pixel += 3) {
        const uint32_t weight = taps.weight(x, k);
        for (int c = 0; c < 3; c++) sums[c] += weight * pixel[c];
      }
      for (int c = 0; c < 3; c++) out[r][x * 3 + c] = to_byte(sums[c]);
    }
  }
}

void down_plain(const uint8_t* rows, size_t stride, const Taps& taps, int y, const Color& canvas, size_t from, size_t to,
                uint8_t* out) {
  constexpr size_t kBlock = 192;
  for (size_t begin = from; begin < to; begin += kBlock) {
    const size_t n = std::min(kBlock, to - begin);
    uint32_t sums[kBlock];
    for (size_t i = 0; i < n; i++) sums[i] = base(taps, y, canvas[(begin + i) % 3]);
    for (int k = 0; k < taps.counts[y]; k++) {
      const uint32_t weight = taps.weight(y, k);
      const uint8_t* row = rows + (taps.starts[y] + k) * stride + begin;
      for (size_t i = 0; i < n; i++) sums[i] += weight * row[i];
    }
    for (size_t i = 0; i < n; i++) out[begin + i] = to_byte(sums[i]);
  }
}

#ifdef PIXELS_AVX2

#define AVX2 __attribute__((target("avx2")))

// Four taps at a time: the pixels 0 1 | 2 3 of 16 bytes as pairs of 16-bit numbers, a channel each; then one product and sum
// of pairs for the high halves of the weights, and one for the low ones.
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
  if (at < to) down_plain(rows, stride, taps, y, canvas, at, to, out);
}

#endif

}  // namespace

const Kernels& kernels(bool plain) {
  static const Kernels without{across_plain, down_plain};
#ifdef PIXELS_AVX2
  static const Kernels with{across_avx2, down_avx2};
  static const bool has = __builtin_cpu_supports("avx2");
  if (has && !plain) return with;
#endif
  return without;
}

}  // namespace pixels
