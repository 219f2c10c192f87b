// How many of a JPEG's blocks its coded data gives (ITU-T T.81, annexes F and G): the codes are read as a decoder reads
// them, without computing pixels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pixels {

struct JpegComponent {
  int id, h, v;
};

struct JpegPart {
  // Index of the component, and of its Huffman tables; -1 where there is none.
  int component, dc, ac;
};

struct JpegScan {
  std::vector<JpegPart> parts;
  // First and last coefficient; the bit position before this scan (0: none yet).
  int from, to, high;
  // Minimum coded units between restart markers; 0: no markers.
  int interval;
  // Coded data with its restart markers: bytes of the file.
  size_t start, end;
};

// What a DHT segment says of one table: 16 counts and the symbols.
using HuffmanSpec = std::vector<uint8_t>;

struct Jpeg {
  bool progressive;
  int width, height;
  std::vector<JpegComponent> components;
  std::vector<HuffmanSpec> specs;
  std::vector<JpegScan> scans;
};

// Minimum coded units of all scans, and how many of them are there.
struct JpegUnits {
  double all = 0, good = 0;
};

// Throws std::bad_alloc.
JpegUnits count_units(const Jpeg& jpeg, const uint8_t* bytes, size_t length);

// Where the coded data that starts at `start` ends: at the first marker that restarts nothing, or at the file's end.
size_t end_of_scan(const uint8_t* bytes, size_t length, size_t start);

}  // namespace pixels
