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
// Stored columns of a strip that goes through two resizes while it is in the cache.
constexpr int kColumnsAtOnce = 64;

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

// Four rows with room behind them.
class FourRows {
 public:
  explicit FourRows(size_t bytes) : stride_(bytes + kSlack), bytes_(new uint8_t[4 * stride_]) {}
  uint8_t* operator[](int r) { return bytes_.get() + r * stride_; }

 private:
  size_t stride_;
  std::unique_ptr<uint8_t[]> bytes_;
};

struct Work {
  const Kernels& kernel;
  Color canvas;
  int threads;

  void parts(int count, int size, const std::function<void(int begin, int end)>& part) const {
    std::atomic<bool> failed{false};
    in_parallel((count + size - 1) / size, threads, [&](int i) {
      try {
        part(i * size, std::min(count, (i + 1) * size));
      } catch (const std::bad_alloc&) {
        failed = true;
      }
    });
    if (failed) throw std::bad_alloc();
  }
};

// A resize along one stored axis alone, before any other step; none where there are no taps.
struct Before {
  const Taps* across = nullptr;
  const Taps* down = nullptr;
};

// Rows of a picture as `across` takes them, behind a first resize.
class Rows {
 public:
  Rows(const Work& work, const View& from, const Before& before)
      : work_(work), from_(from), before_(before), last_(bytes()), made_(before.across ? 3 * before.across->outputs() : bytes()) {}

  // Rows `y` and up to three behind it, of which there are `count`; the last one again in the place of those behind.
  void take(int y, int count, const uint8_t* rows[4]) {
    for (int r = 0; r < 4; r++) {
      const int row = y + std::min(r, count - 1);
      if (before_.down) {
        work_.kernel.down(from_.data, from_.stride, *before_.down, row, work_.canvas, 0, bytes(), made_[r]);
        rows[r] = made_[r];
      } else {
        const size_t at = row * from_.stride;
        const bool safe = at + bytes() + kSlack <= from_.readable;
        rows[r] = safe ? from_.data + at : static_cast<const uint8_t*>(std::memcpy(last_[r], from_.data + at, bytes()));
      }
    }
    if (!before_.across) return;
    uint8_t* const out[4] = {made_[0], made_[1], made_[2], made_[3]};
    work_.kernel.across(rows, *before_.across, work_.canvas, out);
    for (int r = 0; r < 4; r++) rows[r] = out[r];
  }

 private:
  size_t bytes() const { return static_cast<size_t>(from_.width) * 3; }

  const Work& work_;
  const View& from_;
  const Before& before_;
  FourRows last_, made_;
};

// `count` rows from `first` on, each resized along its length. Before that `before` is done.
void across(const Work& work, const View& from, const Before& before, const Taps& taps, int first, int count, uint8_t* to) {
  const size_t stride = static_cast<size_t>(taps.outputs()) * 3;
  work.parts(count, kRowsAtOnce, [&](int begin, int end) {
    Rows source(work, from, before);
    // A row is written with a byte behind it.
    FourRows results(stride);
    for (int y = begin; y < end; y += 4) {
      const int n = std::min(4, end - y);
      const uint8_t* rows[4];
      source.take(first + y, n, rows);
      uint8_t* const out[4] = {results[0], results[1], results[2], results[3]};
      work.kernel.across(rows, taps, work.canvas, out);
      for (int r = 0; r < n; r++) std::memcpy(to + (y + r) * stride, out[r], stride);
    }
  });
}

// Every column of `from`, resized; row 0 of `from` is stored row `first` of the taps.
void down(const Work& work, const View& from, const Taps& taps, int first, uint8_t* to) {
  const uint8_t* rows = from.data - first * static_cast<ptrdiff_t>(from.stride);
  const size_t bytes = static_cast<size_t>(from.width) * 3;
  work.parts(taps.outputs(), kRowsAtOnce, [&](int begin, int end) {
    for (int y = begin; y < end; y++) work.kernel.down(rows, from.stride, taps, y, work.canvas, 0, bytes, to + y * bytes);
  });
}

// `count` columns from `first` on, each resized. Before that `before` is done: a strip of columns at a time.
void down_behind(const Work& work, const View& from, const Before& before, const Taps& taps, int first, int count, uint8_t* to) {
  const size_t stride = static_cast<size_t>(count) * 3;
  const int height = before.down ? before.down->outputs() : from.height;
  work.parts(count, kColumnsAtOnce, [&](int begin, int end) {
    const size_t bytes = static_cast<size_t>(end - begin) * 3, apart = bytes + kSlack;
    const std::unique_ptr<uint8_t[]> strip(new uint8_t[apart * height]);
    if (before.down) {
      const size_t left = static_cast<size_t>(first + begin) * 3;
      for (int y = 0; y < height; y++) {
        work.kernel.down(from.data + left, from.stride, *before.down, y, work.canvas, 0, bytes, strip.get() + y * apart);
      }
    } else {
      const Taps own = before.across->part(first + begin, end - begin);
      const Before none;
      Rows source(work, from, none);
      for (int y = 0; y < height; y += 4) {
        const int n = std::min(4, height - y);
        const uint8_t* rows[4];
        source.take(y, n, rows);
        uint8_t* out[4];
        for (int r = 0; r < 4; r++) out[r] = strip.get() + (y + std::min(r, n - 1)) * apart;
        work.kernel.across(rows, own, work.canvas, out);
      }
    }
    for (int y = 0; y < taps.outputs(); y++) {
      work.kernel.down(strip.get(), apart, taps, y, work.canvas, 0, bytes, to + y * stride + static_cast<size_t>(begin) * 3);
    }
  });
}

// Columns become rows.
void transpose(const Work& work, const View& from, uint8_t* to) {
  work.parts(from.width, kRowsAtOnce, [&](int begin, int end) {
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

// The resizes of a picture, along the axes of the upright one.
struct Plan {
  // The one before all others: of which axis, if any.
  bool first_x, first_y;
  Taps first;
  Taps x, y;
};

Plan plan_of(const Steps& s, const Turn& turn) {
  const int width = turn.swapped ? s.height : s.width;
  const int height = turn.swapped ? s.width : s.height;
  Plan plan;
  plan.first_x = s.first_width != width;
  plan.first_y = !plan.first_x && s.first_height != height;
  if (plan.first_x) plan.first = make_taps({width, width, 0, turn.x_mirrored}, s.first_width, 0, s.first_width);
  if (plan.first_y) plan.first = make_taps({height, height, 0, turn.y_mirrored}, s.first_height, 0, s.first_height);
  // Behind a first resize its axis runs as in the upright picture.
  const bool x_mirrored = turn.x_mirrored && !plan.first_x, y_mirrored = turn.y_mirrored && !plan.first_y;
  plan.x = make_taps({s.first_width, s.canvas_width, s.left, x_mirrored}, s.to_width, s.window_left, s.window_width);
  plan.y = make_taps({s.first_height, s.canvas_height, s.top, y_mirrored}, s.to_height, s.window_top, s.window_height);
  return plan;
}

// Stored rows are rows of the upright picture.
void run_straight(const Work& work, const Steps& s, const Plan& plan, const View& whole, uint8_t* pixels) {
  const Before before{plan.first_x ? &plan.first : nullptr, plan.first_y ? &plan.first : nullptr};
  // Only what the second pass reads goes through the first.
  const int first = plan.y.lowest(), many = std::max(0, plan.y.behind() - first);
  if (plan.x.identity && !plan.first_x && !plan.first_y) {
    const View between = part_of(whole, s.window_left, first, s.window_width, many);
    return plan.y.identity ? copy(between, pixels) : down(work, between, plan.y, first, pixels);
  }
  if (plan.y.identity) return across(work, whole, before, plan.x, first, many, pixels);
  const Buffer narrow(s.window_width, many);
  across(work, whole, before, plan.x, first, many, narrow.bytes.get());
  down(work, narrow.view(), plan.y, first, pixels);
}

// Stored rows are columns of the upright picture.
void run_swapped(const Work& work, const Steps& s, const Plan& plan, const View& whole, uint8_t* pixels) {
  const Before before{plan.first_y ? &plan.first : nullptr, plan.first_x ? &plan.first : nullptr};
  const int first = plan.y.lowest(), many = std::max(0, plan.y.behind() - first);
  const Buffer low(many, s.window_width);
  if (plan.first_x || plan.first_y) down_behind(work, whole, before, plan.x, first, many, low.bytes.get());
  else down(work, part_of(whole, first, 0, many, whole.height), plan.x, 0, low.bytes.get());
  const Taps moved = plan.y.from(first);
  const Buffer result(s.window_height, s.window_width);
  across(work, low.view(), {}, moved, 0, s.window_width, result.bytes.get());
  transpose(work, result.view(), pixels);
}

void to_planar(const Form& form, const uint8_t* pixels, const float* tables, float* values) {
  const size_t area = static_cast<size_t>(form.width) * form.height;
  in_parallel(form.height, form.threads, [&](int row) {
    const size_t first = static_cast<size_t>(row) * form.width;
    for (size_t i = first; i < first + form.width; i++) {
      for (int c = 0; c < 3; c++) values[c * area + i] = tables[c * 256 + pixels[i * 3 + c]];
    }
  });
}

void to_interleaved(const Form& form, const uint8_t* pixels, const float* tables, float* values) {
  const size_t length = static_cast<size_t>(form.width) * 3;
  in_parallel(form.height, form.threads, [&](int row) {
    const size_t first = row * length;
    for (size_t i = first; i < first + length; i += 3) {
      for (int c = 0; c < 3; c++) values[i + c] = tables[c * 256 + pixels[i + c]];
    }
  });
}

// The three channels of one frame of a patch, `apart` values from one another.
void write_patch(const Form& form, const uint8_t* pixels, int left, int top, const float* tables, size_t apart, float* to) {
  for (int py = 0; py < form.patch; py++) {
    const uint8_t* from = pixels + (static_cast<size_t>(top + py) * form.width + left) * 3;
    for (int px = 0; px < form.patch; px++, to++, from += 3) {
      for (int c = 0; c < 3; c++) to[c * apart] = tables[c * 256 + from[c]];
    }
  }
}

void to_patches(const Form& form, const uint8_t* const* pictures, const float* tables, float* values) {
  const int block = form.patch * form.merge, blocks = form.width / block, inside = form.merge * form.merge;
  const size_t area = static_cast<size_t>(form.patch) * form.patch, apart = area * form.frames;
  in_parallel(form.height / block, form.threads, [&](int row) {
    float* out = values + static_cast<size_t>(row) * blocks * inside * 3 * apart;
    for (int i = 0; i < blocks * inside; i++, out += 3 * apart) {
      const int inner = i % inside;
      const int top = row * block + inner / form.merge * form.patch;
      const int left = i / inside * block + inner % form.merge * form.patch;
      for (int t = 0; t < form.frames; t++) {
        float* frame = out + t * area;
        if (t == 0 || pictures[t] != pictures[t - 1]) write_patch(form, pictures[t], left, top, tables, apart, frame);
        else for (int c = 0; c < 3; c++) std::memcpy(frame + c * apart, frame + c * apart - area, area * sizeof(float));
      }
    }
  });
}

}  // namespace

void run(const Steps& s, const uint8_t* data, uint8_t* pixels) {
  const Turn turn = turn_of(s.orientation);
  const Work work{kernels()[s.kernel].kernels,
                  {static_cast<uint8_t>(s.red), static_cast<uint8_t>(s.green), static_cast<uint8_t>(s.blue)},
                  s.threads};
  const Plan plan = plan_of(s, turn);
  const size_t stride = static_cast<size_t>(s.width) * 3;
  const View whole{data, stride, s.width, s.height, stride * s.height};
  (turn.swapped ? run_swapped : run_straight)(work, s, plan, whole, pixels);
}

void lay_out(const Form& form, const uint8_t* const* pictures, const float* tables, float* values) {
  if (form.layout == Layout::kPlanar) to_planar(form, pictures[0], tables, values);
  if (form.layout == Layout::kInterleaved) to_interleaved(form, pictures[0], tables, values);
  if (form.layout == Layout::kPatches) to_patches(form, pictures, tables, values);
}

}  // namespace pixels
