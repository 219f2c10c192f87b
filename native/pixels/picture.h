// From a decoded picture to what a vision tower takes: turn, canvas, Pillow's bicubic resize, window; then values.
#pragma once

#include <cstdint>

namespace pixels {

// All that is to be done to one picture. Sizes are in pixels.
struct Steps {
  // The stored picture, RGB.
  int32_t width, height;
  // EXIF orientation, 1 to 8: what makes the stored picture upright.
  int32_t orientation;
  // What the upright picture is resized to first; one of its sides stays.
  int32_t first_width, first_height;
  // The canvas that holds the result, with its top left corner at (left, top).
  int32_t canvas_width, canvas_height, left, top;
  int32_t red, green, blue;
  // What the canvas is resized to, and the part of that which is computed.
  int32_t to_width, to_height;
  int32_t window_left, window_top, window_width, window_height;
  int32_t threads;
  // Which of `kernels()`; 0 is the fastest.
  int32_t kernel;
};

// `pixels`: RGB of the window. Throws std::bad_alloc.
void run(const Steps& steps, const uint8_t* data, uint8_t* pixels);

enum class Layout : int32_t {
  // [3, height, width]
  kPlanar = 0,
  // Qwen2-VL's [patches, 3, frames, patch, patch], merged blocks row by row and the patches inside of a block row by row.
  kPatches = 1,
  // [height, width, 3]
  kInterleaved = 2,
};

struct Form {
  int32_t width, height;
  Layout layout;
  // Qwen2-VL's cuts; else 1.
  int32_t patch, merge, frames;
  int32_t threads;
};

// The values of RGB pixels by `tables`, [3, 256]. `pictures`: one of each frame.
void lay_out(const Form& form, const uint8_t* const* pictures, const float* tables, float* values);

}  // namespace pixels
