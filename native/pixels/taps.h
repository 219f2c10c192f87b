// Weights of Pillow's bicubic resize of 8-bit pictures (Resample.c, BICUBIC), in 22-bit fixed point.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pixels {

// 32 bits less 8 for the pixel and 2 of headroom.
constexpr int kPrecisionBits = 22;
constexpr int32_t kHalf = 1 << (kPrecisionBits - 1);

// A weight is high * 2^11 + low with 0 <= low < 2^11, so that both halves fit into the 16-bit products of SIMD. Sums are
// modulo 2^32, which the final value, known to fit 32 bits, does not notice (bound: src/image/resize.ts).
constexpr int kLowBits = 11;

// The weights of a mirrored axis are those of the mirrored picture, in the order of the stored one.
struct Taps {
  // First stored position of each output position: its lowest.
  std::vector<int32_t> starts;
  // Stored positions of each output position; 0 where it sees nothing but the canvas.
  std::vector<int32_t> counts;
  // Sum of the weights that fall on the canvas around the picture.
  std::vector<int32_t> outside;
  // `[outputs, stride]` each; entries beyond a count are 0.
  std::vector<int16_t> high;
  std::vector<int16_t> low;
  // A multiple of 4.
  int stride = 0;
  // Every output position is one stored position, in order, and none sees the canvas.
  bool identity = false;

  int outputs() const { return static_cast<int>(starts.size()); }
  int32_t weight(int output, int k) const {
    const size_t at = static_cast<size_t>(output) * stride + k;
    return high[at] * (1 << kLowBits) + low[at];
  }
  // The stored positions that the outputs read: [lowest, behind), empty where none does.
  int lowest() const;
  int behind() const;
  // Those of the outputs `first` to `first + count - 1`.
  Taps part(int first, int count) const;
  // The same on positions that are counted from `first` on.
  Taps from(int first) const;
};

// One axis of a picture on its canvas: `length` positions from `offset` on, of `canvas` in all.
struct Axis {
  int length;
  int canvas;
  int offset;
  bool mirrored;
};

// Weights of the outputs `first` to `first + count - 1` when the canvas becomes `to` positions long; the same operations in
// the same order as Pillow's, in doubles. A canvas of this length is taken as it is.
Taps make_taps(const Axis& axis, int to, int first, int count);

}  // namespace pixels
