// Pixels of 16 bits to those of 8.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pixels {

constexpr size_t kLevels = 1 << 16;

// By an ICC profile of curves and a matrix: see src/image/profile.ts.
struct Profile {
  // Linear light of each level, [channels, kLevels]: one channel for grey, three for RGB.
  int channels;
  const float* curves;
  // Linear RGB to linear sRGB, row by row; null for grey.
  const double* matrix;
  // sRGB's code of linear light in kLevels steps.
  const uint8_t* codes;
};

// 8-bit RGB of `count` pixels.
void to_srgb(const uint16_t* samples, size_t count, const Profile& profile, int threads, uint8_t* out);

// The nearest level of 8 bits to each of `count` samples.
void to_eight_bits(const uint16_t* samples, size_t count, int threads, uint8_t* out);

// Copies bytes, in parts.
void copy_bytes(const uint8_t* from, size_t count, int threads, uint8_t* to);

}  // namespace pixels
