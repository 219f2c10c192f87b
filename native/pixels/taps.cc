#include "taps.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pixels {
namespace {

// The kernel is zero from this distance on.
constexpr double kSupport = 2.0;

// The cubic convolution kernel with a = -0.5 (Keys 1981), with Pillow's order of operations.
double bicubic(double distance) {
  constexpr double a = -0.5;
  const double x = std::fabs(distance);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// Rounds half away from zero.
int32_t to_fixed(double weight) {
  return static_cast<int32_t>(weight * (1 << kPrecisionBits) + (weight < 0 ? -0.5 : 0.5));
}

}  // namespace

int Taps::lowest() const {
  int first = std::numeric_limits<int>::max();
  for (int i = 0; i < outputs(); i++) {
    if (counts[i] > 0) first = std::min(first, starts[i]);
  }
  return first == std::numeric_limits<int>::max() ? 0 : first;
}

int Taps::behind() const {
  int last = 0;
  for (int i = 0; i < outputs(); i++) {
    if (counts[i] > 0) last = std::max(last, starts[i] + counts[i]);
  }
  return last;
}

Taps Taps::part(int first, int count) const {
  const auto of = [&](const auto& all, size_t each) {
    return std::decay_t<decltype(all)>(all.begin() + first * each, all.begin() + (first + count) * each);
  };
  const size_t each = stride;
  return {of(starts, 1), of(counts, 1), of(outside, 1), of(high, each), of(low, each), stride, false};
}

Taps Taps::from(int first) const {
  Taps moved = *this;
  for (int i = 0; i < outputs(); i++) {
    if (counts[i] > 0) moved.starts[i] -= first;
  }
  return moved;
}

Taps make_taps(const Axis& axis, int to, int first, int count) {
  const bool same = axis.canvas == to;
  const double scale = static_cast<double>(axis.canvas) / to;
  const double stretch = std::max(scale, 1.0);
  const double support = kSupport * stretch;
  const int most = same ? 1 : static_cast<int>(std::ceil(support)) * 2 + 1;
  const double inverse = 1.0 / stretch;
  Taps taps;
  taps.stride = (most + 3) / 4 * 4;
  taps.starts.assign(count, 0);
  taps.counts.assign(count, 0);
  taps.outside.assign(count, 0);
  taps.high.assign(static_cast<size_t>(count) * taps.stride, 0);
  taps.low.assign(static_cast<size_t>(count) * taps.stride, 0);
  taps.identity = same && !axis.mirrored && axis.length == axis.canvas;
  std::vector<double> exact(most);
  for (int i = 0; i < count; i++) {
    int start = first + i;
    int n = 1;
    double sum = 0.0;
    if (same) {
      exact[0] = 1.0;
    } else {
      const double center = (first + i + 0.5) * scale;
      start = std::max(0, static_cast<int>(center - support + 0.5));
      n = std::min(axis.canvas, static_cast<int>(center + support + 0.5)) - start;
      for (int k = 0; k < n; k++) {
        exact[k] = bicubic((k + (start - center + 0.5)) * inverse);
        sum += exact[k];
      }
    }
    // The part of them that is on the picture.
    const int from = std::min(std::max(axis.offset - start, 0), n);
    const int behind = std::max(std::min(axis.offset + axis.length - start, n), from);
    const int begin = start + from - axis.offset;
    taps.counts[i] = behind - from;
    taps.starts[i] = behind == from ? 0 : (axis.mirrored ? axis.length - (begin + behind - from) : begin);
    for (int k = 0; k < n; k++) {
      const int32_t weight = to_fixed(sum != 0.0 ? exact[k] / sum : exact[k]);
      if (k < from || k >= behind) {
        taps.outside[i] += weight;
        continue;
      }
      const size_t at = static_cast<size_t>(i) * taps.stride + (axis.mirrored ? behind - 1 - k : k - from);
      taps.high[at] = static_cast<int16_t>(weight >> kLowBits);
      taps.low[at] = static_cast<int16_t>(weight & ((1 << kLowBits) - 1));
    }
  }
  return taps;
}

}  // namespace pixels
