#include "deep.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "pool.h"

namespace pixels {
namespace {

void in_parts(size_t count, int threads, const std::function<void(size_t begin, size_t end)>& part) {
  constexpr size_t kSize = 1 << 17;
  in_parallel(static_cast<int>((count + kSize - 1) / kSize), threads,
              [&](int i) { part(i * kSize, std::min(count, (i + size_t{1}) * kSize)); });
}

}  // namespace

void to_srgb(const uint16_t* samples, size_t count, const Profile& profile, int threads, uint8_t* out) {
  constexpr double kMost = kLevels - 1;
  const float* curves = profile.curves;
  const uint8_t* codes = profile.codes;
  in_parts(count, threads, [&](size_t begin, size_t end) {
    if (!profile.matrix) {
      for (size_t i = begin; i < end; i++) {
        std::memset(out + 3 * i, codes[static_cast<size_t>(kMost * curves[samples[i]] + 0.5)], 3);
      }
      return;
    }
    for (size_t i = begin; i < end; i++) {
      const double x = curves[samples[3 * i]];
      const double y = curves[kLevels + samples[3 * i + 1]];
      const double z = curves[2 * kLevels + samples[3 * i + 2]];
      for (int c = 0; c < 3; c++) {
        const double* row = profile.matrix + 3 * c;
        const double linear = row[0] * x + row[1] * y + row[2] * z;
        out[3 * i + c] = codes[linear <= 0 ? 0 : linear >= 1 ? kLevels - 1 : static_cast<size_t>(kMost * linear + 0.5)];
      }
    }
  });
}

void to_eight_bits(const uint16_t* samples, size_t count, int threads, uint8_t* out) {
  in_parts(count, threads, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) out[i] = static_cast<uint8_t>((samples[i] + 128u) / 257u);
  });
}

void copy_bytes(const uint8_t* from, size_t count, int threads, uint8_t* to) {
  in_parts(count, threads, [&](size_t begin, size_t end) { std::memcpy(to + begin, from + begin, end - begin); });
}

}  // namespace pixels
