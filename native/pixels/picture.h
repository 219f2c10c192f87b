// From a decoded picture to what a vision tower takes: turn, canvas, Pillow's bicubic resize, window, values.
#pragma once

#include <cstdint>

namespace pixels {

enum class Layout : int32_t {
  kNone = 0,
  // [3, height, width]
  kPlanar = 1,
  // Qwen2-VL's [patches, 3, frames, patch, patch], merged blocks row by row and the patches inside of a block row by row.
  kPatches = 2,
};

// All that is to be done to one picture. Sizes are in pixels.
struct Steps {
  // The stored picture, RGB.
  int32_t width, height;
  // EXIF orientation, 1 to 8: what makes the stored picture upright.
  int32_t orientation;
  // The canvas that holds the upright picture, with its top left corner at (left, top).
  int32_t canvas_width, canvas_height, left, top;
  int32_t red, green, blue;
  // What the canvas is resized to, and the part of that which is computed.
  int32_t to_width, to_height;
  int32_t window_left, window_top, window_width, window_height;
  // How the values are laid out, and Qwen2-VL's cuts.
  Layout layout;
  int32_t patch, merge, frames;
  int32_t threads;
  // 1: without SIMD of our own, to compare.
  int32_t plain;
};

// `pixels`: RGB of the window, always written. `values`: by `tables` ([3, 256]), unless the layout is none.
// Throws std::bad_alloc.
void run(const Steps& steps, const uint8_t* data, const float* tables, uint8_t* pixels, float* values);

}  // namespace pixels
