#include "picture.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>

#include "kernels.h"
#include "pool.h"

namespace pixels {
namespace {

// Rows or outputs of one part of the work: long enough to outweigh the hand-over, short enough to be shared fairly.
constexpr int kRowsAtOnce = 32;

// RGB in rows; `readable` bytes may be read from `data` on.
struct View {
  const uint8_t* data;
  size_t stride;
  int width;
  int height;
  size_t readable;
};

struct Buffer {
  Buffer(int width, int height)
      : stride(static_cast<size_t>(width) * 3), bytes(new uint8_t[stride * height + kSlack]), width(width), height(height) {}
  View view() const { return {bytes.get(), stride, width, height, stride * height + kSlack}; }

  size_t stride;
  std::unique_ptr<uint8_t[]> bytes;
  int width;
  int height;
};

struct Work {
  const Kernels& kernel;
  Color canvas;
  int threads;

  void parts(int count, const std::function<void(int begin, int end)>& part) const {
    const int parts = (count + kRowsAtOnce - 1) / kRowsAtOnce;
    std::atomic<bool> failed{false};
    in_parallel(parts, threads, [&](int i) {
      try {
        part(i * kRowsAtOnce, std::min(count, (i + 1) * kRowsAtOnce));
      } catch (const std::bad_alloc&) {
        failed = true;
      }
    });
    if (failed) throw std::bad_alloc();
  }
};

// Every row of `from`, resampled along its length into `to`.
void across(const Work& work, const View& from, const Taps& taps, Buffer& to) {
  work.parts(from.height, [&](int begin, int end) {
    const size_t bytes = static_cast<size_t>(from.width) * 3;
    // Outputs are written with a byte behind them, rows are read with slack behind them: the last ones go by way of copies.
    const std::unique_ptr<uint8_t[]> last(new uint8_t[4 * (bytes + kSlack)]());
    const std::unique_ptr<uint8_t[]> results(new uint8_t[4 * (to.stride + 4)]);
    for (int y = begin; y < end; y += 4) {
      const uint8_t* rows[4];
      uint8_t* out[4];
      const int n = std::min(4, end - y);
      for (int r = 0; r < 4; r++) {
        const int row = y + std::min(r, n - 1);
        rows[r] = from.data + row * from.stride;
        if (row * from.stride + bytes + kSlack > from.readable) {
          rows[r] = static_cast<const uint8_t*>(std::memcpy(last.get() + r * (bytes + kSlack), rows[r], bytes));
        }
        out[r] = results.get() + r * (to.stride + 4);
      }
      work.kernel.across(rows, taps, work.canvas, out);
      for (int r = 0; r < n; r++) std::memcpy(to.bytes.get() + (y + r) * to.stride, out[r], to.stride);
    }
  });
}

// Every column of `from`, resampled into `to`; row 0 of `from` is stored row `first` of the taps.
void down(const Work& work, const View& from, const Taps& taps, int first, Buffer& to) {
  const uint8_t* rows = from.data - first * static_cast<ptrdiff_t>(from.stride);
  work.parts(to.height, [&](int begin, int end) {
    for (int y = begin; y < end; y++) {
      work.kernel.down(rows, from.stride, taps, y, work.canvas, 0, to.stride, to.bytes.get() + y * to.stride);
    }
  });
}

// Columns become rows.
void transpose(const Work& work, const View& from, uint8_t* to) {
  work.parts(from.width, [&](int begin, int end) {
    for (int x = begin; x < end; x++) {
      uint8_t* out = to + static_cast<size_t>(x) * from.height * 3;
      for (int y = 0; y < from.height; y++) std::memcpy(out + y * 3, from.data + y * from.stride + x * 3, 3);
    }
  });
}

void copy(const View& from, uint8_t* to) {
  const size_t bytes = static_cast<size_t>(from.width) * 3;
  for (int y = 0; y < from.height; y++) std::memcpy(to + y * bytes, from.data + y * from.stride, bytes);
}

// A part of a picture.
View part_of(const View& from, int left, int top, int width, int height) {
  const size_t skipped = top * from.stride + static_cast<size_t>(left) * 3;
  return {from.data + skipped, from.stride, width, height, from.readable - skipped};
}

// What an EXIF orientation does to the axes of the upright picture.
struct Turn {
  // Whether the upright picture's rows are the stored columns.
  bool swapped;
  // Whether the upright x and y run against the stored axis that they are on.
  bool x_mirrored;
  bool y_mirrored;
};

Turn turn_of(int orientation) {
  switch (orientation) {
    case 2: return {false, true, false};
    case 3: return {false, true, true};
    case 4: return {false, false, true};
    case 5: return {true, false, false};
    case 6: return {true, true, false};
    case 7: return {true, true, true};
    case 8: return {true, false, true};
    default: return {false, false, false};
  }
}

// The pixels of the window. Across first and then down, as Pillow does with the upright picture.
void resize(const Steps& s, const uint8_t* data, uint8_t* pixels) {
  const Turn turn = turn_of(s.orientation);
  const Work work{kernels(s.plain == 1),
                  {static_cast<uint8_t>(s.red), static_cast<uint8_t>(s.green), static_cast<uint8_t>(s.blue)},
                  s.threads};
  const int upright_width = turn.swapped ? s.height : s.width;
  const int upright_height = turn.swapped ? s.width : s.height;
  const Taps x = make_taps({upright_width, s.canvas_width, s.left, turn.x_mirrored}, s.to_width, s.window_left, s.window_width);
  const Taps y = make_taps({upright_height, s.canvas_height, s.top, turn.y_mirrored}, s.to_height, s.window_top, s.window_height);
  const int first = y.lowest();
  const int many = std::max(0, y.behind() - first);
  const View whole{data, static_cast<size_t>(s.width) * 3, s.width, s.height, static_cast<size_t>(s.width) * s.height * 3};
  // Only what the second pass reads goes through the first.
  if (!turn.swapped) {
    const View rows = part_of(whole, 0, first, s.width, many);
    Buffer narrow(x.identity ? 0 : s.window_width, x.identity ? 0 : many);
    View between = part_of(rows, s.window_left, 0, s.window_width, many);
    if (!x.identity) {
      across(work, rows, x, narrow);
      between = narrow.view();
    }
    if (y.identity) return copy(between, pixels);
    Buffer result(s.window_width, s.window_height);
    down(work, between, y, first, result);
    return copy(result.view(), pixels);
  }
  const View columns = part_of(whole, first, 0, many, s.height);
  Buffer low(x.identity ? 0 : many, x.identity ? 0 : s.window_width);
  View between = part_of(columns, 0, s.window_left, many, s.window_width);
  if (!x.identity) {
    down(work, columns, x, 0, low);
    between = low.view();
  }
  Taps moved = y;
  for (int i = 0; i < moved.outputs(); i++) {
    if (moved.counts[i] > 0) moved.starts[i] -= first;
  }
  Buffer result(s.window_height, s.window_width);
  across(work, between, moved, result);
  transpose(work, result.view(), pixels);
}

void to_planar(const Steps& s, const Work& work, const float* tables, const uint8_t* pixels, float* values) {
  const size_t area = static_cast<size_t>(s.window_width) * s.window_height;
  work.parts(s.window_height, [&](int begin, int end) {
    const size_t behind = static_cast<size_t>(end) * s.window_width;
    for (size_t i = static_cast<size_t>(begin) * s.window_width; i < behind; i++) {
      for (int c = 0; c < 3; c++) values[c * area + i] = tables[c * 256 + pixels[i * 3 + c]];
    }
  });
}

// A still picture fills all frames of a patch.
void to_patches(const Steps& s, const Work& work, const float* tables, const uint8_t* pixels, float* values) {
  const int block = s.patch * s.merge;
  const int blocks = s.window_width / block;
  const size_t area = static_cast<size_t>(s.patch) * s.patch;
  const size_t size = 3 * area * s.frames;
  in_parallel(s.window_height / block, work.threads, [&](int row) {
    float* out = values + static_cast<size_t>(row) * blocks * s.merge * s.merge * size;
    for (int column = 0; column < blocks; column++) {
      for (int inner = 0; inner < s.merge * s.merge; inner++, out += size) {
        const int top = row * block + inner / s.merge * s.patch;
        const int left = column * block + inner % s.merge * s.patch;
        float* to = out;
        for (int py = 0; py < s.patch; py++) {
          const uint8_t* from = pixels + (static_cast<size_t>(top + py) * s.window_width + left) * 3;
          for (int px = 0; px < s.patch; px++, to++, from += 3) {
            for (int c = 0; c < 3; c++) to[c * area * s.frames] = tables[c * 256 + from[c]];
          }
        }
        for (int c = 0; c < 3; c++) {
          float* plane = out + c * area * s.frames;
          for (int t = 1; t < s.frames; t++) std::memcpy(plane + t * area, plane, area * sizeof(float));
        }
      }
    }
  });
}

}  // namespace

void run(const Steps& steps, const uint8_t* data, const float* tables, uint8_t* pixels, float* values) {
  resize(steps, data, pixels);
  const Work work{kernels(steps.plain == 1), {0, 0, 0}, steps.threads};
  if (steps.layout == Layout::kPlanar) to_planar(steps, work, tables, pixels, values);
  if (steps.layout == Layout::kPatches) to_patches(steps, work, tables, pixels, values);
}

}  // namespace pixels
