#include "jpeg.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <memory>

namespace pixels {
namespace {

// Bytes behind the last block that are no loss, of the last scan and of others: some cameras write a few before the end.
constexpr int64_t kSpareAtEnd = 32;
constexpr int64_t kSpareBetween = 4;
// Bytes of one value before a restart marker that are no loss.
constexpr int64_t kSpareFill = 4;
// Of a scan that are read.
constexpr size_t kMostBytes = (size_t{1} << 28) - 16;
// A step that leads behind the last coefficient: end of block.
constexpr int kEnd = 64;
// Codes up to this length are found in a table that stays in the first cache.
constexpr int kShort = 10;

// A Huffman table by the next 16 bits.
struct Table {
  // Length of the code << 8 | symbol; 0: no code.
  std::vector<uint16_t> codes = std::vector<uint16_t>(1 << 16);
  // Bits of the code and its value << 8 | step to the next coefficient; `brief` by the first kShort bits, 0 where they do
  // not decide.
  std::vector<uint16_t> steps = std::vector<uint16_t>(1 << 16);
  std::vector<uint16_t> brief = std::vector<uint16_t>(1 << kShort);

  explicit Table(const HuffmanSpec& spec) {
    size_t first = 0, symbol = 16;
    for (int length = 1; length <= 16; length++) {
      const size_t index = static_cast<size_t>(length) - 1;
      for (int i = index < spec.size() ? spec[index] : 0; i > 0; i--, symbol++) {
        const int value = symbol < spec.size() ? spec[symbol] : 0;
        const size_t next = first + (size_t{1} << (16 - length));
        const size_t from = std::min(first, codes.size()), to = std::min(next, codes.size());
        std::fill(codes.begin() + from, codes.begin() + to, static_cast<uint16_t>(length << 8 | value));
        const int step = (value & 15) != 0 ? (value >> 4) + 1 : (value == 0xf0 ? 16 : kEnd);
        std::fill(steps.begin() + from, steps.begin() + to, static_cast<uint16_t>((length + (value & 15)) << 8 | step));
        first = next;
      }
    }
    for (size_t i = 0; i < brief.size(); i++) {
      const size_t at = i << (16 - kShort);
      brief[i] = codes[at] >> 8 > kShort ? 0 : steps[at];
    }
  }
};

// Coded data between two markers, without stuffed bytes; zeros behind it.
class Bits {
 public:
  size_t length = 0;  // in bits
  size_t at = 0;

  explicit Bits(size_t capacity) : data_(new uint8_t[capacity + kSlack]), capacity_(capacity) {}

  // Takes the data from `from` up to a marker or `end`; gives where it stopped.
  size_t fill(const uint8_t* bytes, size_t from, size_t end, size_t file) {
    size_t count = 0;
    size_t position = from;
    while (position < end) {
      const uint8_t byte = bytes[position];
      if (byte == 0xff && (position + 1 >= file || bytes[position + 1] != 0)) break;
      data_[count++] = byte;
      position += byte == 0xff ? 2 : 1;
    }
    std::fill(data_.get() + count, data_.get() + std::min(count + kSlack, capacity_ + kSlack), uint8_t{0});
    length = 8 * count;
    at = 0;
    return position;
  }

  // The next 16 bits. Behind the data and its slack they are zeros.
  uint32_t peek() const {
    const size_t byte = at >> 3;
    if (byte + 3 > length / 8 + kSlack) return 0;
    const uint8_t* p = data_.get() + byte;
    const uint32_t window = static_cast<uint32_t>(p[0]) << 16 | static_cast<uint32_t>(p[1]) << 8 | p[2];
    return (window >> (8 - (at & 7))) & 0xffff;
  }

  uint32_t take(int count) {
    const uint32_t value = peek() >> (16 - count);
    at += count;
    return value;
  }

  // The next code's symbol, or -1 where no code fits.
  int symbol(const Table& table) {
    const uint16_t code = table.codes[peek()];
    at += code >> 8;
    return code == 0 ? -1 : code & 0xff;
  }

  bool ended() const { return at > length; }

  // Whether the last `spare` bytes are of one value, and began behind the blocks: zeros in place of data are read as blocks
  // too, and those that end in them are not what was written.
  bool is_fill(int64_t spare) const {
    const int64_t end = static_cast<int64_t>(length >> 3), from = end - spare;
    if (from >= end) return true;
    const uint8_t value = data_[from];
    if (from >= 2 && data_[from - 1] == value && data_[from - 2] == value) return false;
    return std::all_of(data_.get() + from, data_.get() + end, [value](uint8_t byte) { return byte == value; });
  }

  const uint8_t* data() const { return data_.get(); }

 private:
  // A decoder looks ahead.
  static constexpr size_t kSlack = 16;
  std::unique_ptr<uint8_t[]> data_;
  size_t capacity_;
};

struct Grid {
  int64_t columns, rows;
};

int64_t ceil_div(int64_t value, int64_t by) { return (value + by - 1) / by; }

class Reader {
 public:
  Reader(const Jpeg& jpeg, const uint8_t* bytes, size_t length) : jpeg_(jpeg), bytes_(bytes), length_(length) {
    for (const JpegComponent& one : jpeg.components) {
      most_h_ = std::max(most_h_, one.h);
      most_v_ = std::max(most_v_, one.v);
    }
  }

  JpegUnits count() {
    JpegUnits units;
    for (size_t i = 0; i < jpeg_.scans.size(); i++) {
      const JpegScan& scan = jpeg_.scans[i];
      const Grid grid = grid_of(scan);
      const int64_t all = grid.columns * grid.rows;
      units.all += static_cast<double>(all);
      units.good += static_cast<double>(good_units(scan, all, i + 1 == jpeg_.scans.size()));
    }
    return units;
  }

 private:
  // Reads a number of units, the first of which is `first`; gives how many were there.
  using Decode = std::function<int64_t(Bits& bits, int64_t count, int64_t first)>;
  // Which coefficients of a component are not zero, 64 bits per block.
  using Known = std::vector<uint32_t>;

  const JpegComponent& component(const JpegPart& part) const { return jpeg_.components[part.component]; }

  // Blocks of a component, without those that only fill up a unit.
  Grid blocks_of(const JpegComponent& one) const {
    return {ceil_div(ceil_div(static_cast<int64_t>(jpeg_.width) * one.h, most_h_), 8),
            ceil_div(ceil_div(static_cast<int64_t>(jpeg_.height) * one.v, most_v_), 8)};
  }

  // Units of a scan: blocks where it holds one component.
  Grid grid_of(const JpegScan& scan) const {
    if (scan.parts.size() == 1) return blocks_of(component(scan.parts[0]));
    return {ceil_div(jpeg_.width, 8 * most_h_), ceil_div(jpeg_.height, 8 * most_v_)};
  }

  const Table& table(int spec) {
    std::unique_ptr<Table>& known = tables_[spec];
    if (!known) known = std::make_unique<Table>(jpeg_.specs[spec]);
    return *known;
  }

  int64_t good_units(const JpegScan& scan, int64_t units, bool is_last_scan) {
    const Decode decode = jpeg_.progressive ? progressive(scan) : sequential(scan);
    if (!decode) return 0;
    const size_t end = std::min(scan.end, scan.start + kMostBytes);
    Bits bits(end - scan.start);
    const int64_t interval = scan.interval != 0 ? scan.interval : units;
    const int64_t allowed = is_last_scan ? kSpareAtEnd : kSpareBetween;
    size_t at = scan.start;
    int64_t good = 0, segment = 0;
    if (interval == 0) return 0;
    for (const int64_t count = ceil_div(units, interval); segment < count;) {
      at = bits.fill(bytes_, at, end, length_);
      const int64_t wanted = std::min(interval, units - segment * interval);
      const int64_t read = decode(bits, wanted, segment * interval);
      const int64_t spare = static_cast<int64_t>(bits.length >> 3) - static_cast<int64_t>((bits.at + 7) >> 3);
      // What follows a wrong code is wrong; so are blocks before data that no block took.
      const bool is_last = segment + 1 == count;
      const bool fits =
          spare <= (is_last ? allowed : 0) || (may_be_fill(spare, is_last, allowed) && bits.is_fill(spare));
      good += read == wanted && !fits ? 0 : read;
      while (at < end && bytes_[at] == 0xff) at++;
      if (at >= end) break;
      // Restart markers count 0 to 7; a gap tells how many segments are missing.
      const int marker = bytes_[at++] & 7;
      segment += 1 + ((marker - segment + 8) & 7);
    }
    return good;
  }

  // Whether so many bytes of one value may follow the last block: any number at the very end, as in frames of a fixed size.
  static bool may_be_fill(int64_t spare, bool is_last, int64_t allowed) {
    if (!is_last) return spare <= kSpareFill;
    return allowed == kSpareAtEnd || spare <= allowed;
  }

  Decode sequential(const JpegScan& scan) {
    struct Block {
      const Table* dc;
      const Table* ac;
    };
    std::vector<Block> blocks;
    for (const JpegPart& part : scan.parts) {
      if (part.dc < 0 || part.ac < 0) return nullptr;
      const int size = scan.parts.size() == 1 ? 1 : component(part).h * component(part).v;
      blocks.insert(blocks.end(), size, {&table(part.dc), &table(part.ac)});
    }
    return [blocks](Bits& bits, int64_t count, int64_t) {
      for (int64_t unit = 0; unit < count; unit++) {
        for (const Block& block : blocks) {
          if (!skip_block(bits, *block.dc, *block.ac)) return unit;
        }
        if (bits.ended()) return unit;
      }
      return count;
    };
  }

  // The hot loop: a block's codes with their values; false where no code fits.
  static bool skip_block(Bits& bits, const Table& dc, const Table& ac) {
    const int size = bits.symbol(dc);
    if (size < 0 || size > 16) return false;
    size_t at = bits.at + size;
    const uint8_t* data = bits.data();
    const uint16_t* brief = ac.brief.data();
    const uint16_t* steps = ac.steps.data();
    for (int k = 1; k < 64;) {
      if (at > bits.length) break;
      const uint8_t* p = data + (at >> 3);
      const uint32_t three = static_cast<uint32_t>(p[0]) << 16 | static_cast<uint32_t>(p[1]) << 8 | p[2];
      const uint32_t window = (three >> (8 - (at & 7))) & 0xffff;
      uint32_t step = brief[window >> (16 - kShort)];
      if (step == 0) step = steps[window];
      if (step == 0) return false;
      at += step >> 8;
      const int wide = step & 0xff;
      const int next = k + wide;
      if (next > 64 && wide != kEnd) return false;
      k = next;
    }
    bits.at = at;
    return true;
  }

  Decode progressive(const JpegScan& scan) {
    if (scan.from == 0) return scan.high == 0 ? first_dc(scan) : refine_dc(scan);
    if (scan.parts.size() != 1 || scan.parts[0].ac < 0) return nullptr;
    const JpegComponent& one = component(scan.parts[0]);
    const Grid grid = blocks_of(one);
    Known& known = known_[one.id];
    if (known.empty()) known.resize(static_cast<size_t>(2 * grid.columns * grid.rows));
    const Table& ac = table(scan.parts[0].ac);
    return scan.high == 0 ? first_ac(scan, ac, known) : refine_ac(scan, ac, known);
  }

  Decode first_dc(const JpegScan& scan) {
    std::vector<const Table*> blocks;
    for (const JpegPart& part : scan.parts) {
      if (part.dc < 0) return nullptr;
      const int size = scan.parts.size() == 1 ? 1 : component(part).h * component(part).v;
      blocks.insert(blocks.end(), size, &table(part.dc));
    }
    return [blocks](Bits& bits, int64_t count, int64_t) {
      for (int64_t unit = 0; unit < count; unit++) {
        for (const Table* dc : blocks) {
          const int size = bits.symbol(*dc);
          if (size < 0 || size > 16) return unit;
          bits.at += size;
        }
        if (bits.ended()) return unit;
      }
      return count;
    };
  }

  Decode refine_dc(const JpegScan& scan) {
    int64_t blocks = 1;
    if (scan.parts.size() != 1) {
      blocks = 0;
      for (const JpegPart& part : scan.parts) blocks += component(part).h * component(part).v;
    }
    return [blocks](Bits& bits, int64_t count, int64_t) {
      const int64_t there = blocks == 0 ? count : std::min(count, static_cast<int64_t>(bits.length) / blocks);
      bits.at = static_cast<size_t>(there * blocks);
      return there;
    };
  }

  static bool is_set(const Known& known, int64_t block, int k) {
    const size_t at = static_cast<size_t>(2 * block + (k >> 5));
    return at < known.size() && (known[at] >> (k & 31) & 1) != 0;
  }

  static void set(Known& known, int64_t block, int k) {
    const size_t at = static_cast<size_t>(2 * block + (k >> 5));
    if (at < known.size()) known[at] |= uint32_t{1} << (k & 31);
  }

  static Decode first_ac(const JpegScan& scan, const Table& table, Known& known) {
    return [from = scan.from, to = scan.to, &table, &known](Bits& bits, int64_t count, int64_t first) {
      int64_t run = 0;
      for (int64_t unit = 0; unit < count; unit++) {
        if (run > 0) {
          run--;
          continue;
        }
        for (int k = from; k <= to; k++) {
          const int symbol = bits.symbol(table);
          if (symbol < 0) return unit;
          const int zeros = symbol >> 4, size = symbol & 15;
          if (size == 0 && zeros < 15) {
            run = (int64_t{1} << zeros) - 1 + bits.take(zeros);
            break;
          }
          k += zeros;
          bits.at += size;
          if (size > 0 && k > to) return unit;
          if (size > 0) set(known, first + unit, k);
        }
        if (bits.ended()) return unit;
      }
      return count;
    };
  }

  static Decode refine_ac(const JpegScan& scan, const Table& table, Known& known) {
    return [from = scan.from, to = scan.to, &table, &known](Bits& bits, int64_t count, int64_t first) {
      int64_t run = 0;
      for (int64_t unit = 0; unit < count; unit++) {
        const int64_t block = first + unit;
        int k = from;
        while (run == 0 && k <= to) {
          const int symbol = bits.symbol(table);
          if (symbol < 0) return unit;
          int zeros = symbol >> 4;
          bool fresh = false;
          if ((symbol & 15) != 0) {
            fresh = true;
            bits.at++;
          } else if (zeros < 15) {
            run = (int64_t{1} << zeros) + bits.take(zeros);
            break;
          }
          // Coefficients that are known take a bit each, the others count as zeros.
          for (; k <= to; k++) {
            if (is_set(known, block, k)) {
              bits.at++;
            } else if (zeros-- == 0) {
              break;
            }
          }
          if (fresh && k <= to) {
            set(known, block, k);
          } else if (fresh) {
            return unit;
          }
          k++;
        }
        if (run > 0) {
          for (; k <= to; k++) {
            if (is_set(known, block, k)) bits.at++;
          }
          run--;
        }
        if (bits.ended()) return unit;
      }
      return count;
    };
  }

  const Jpeg& jpeg_;
  const uint8_t* bytes_;
  const size_t length_;
  int most_h_ = 1;
  int most_v_ = 1;
  std::map<int, std::unique_ptr<Table>> tables_;
  // By component id.
  std::map<int, Known> known_;
};

}  // namespace

JpegUnits count_units(const Jpeg& jpeg, const uint8_t* bytes, size_t length) { return Reader(jpeg, bytes, length).count(); }

size_t end_of_scan(const uint8_t* bytes, size_t length, size_t start) {
  size_t at = start;
  while (at < length) {
    const void* found = std::memchr(bytes + at, 0xff, length - at);
    if (!found) return length;
    const size_t marker = static_cast<const uint8_t*>(found) - bytes;
    size_t code = marker;
    while (code < length && bytes[code] == 0xff) code++;
    if (code == length) return length;
    const bool restarts = bytes[code] >= 0xd0 && bytes[code] <= 0xd7;
    if (bytes[code] != 0 && !restarts) return marker;
    at = code + 1;
  }
  return length;
}

}  // namespace pixels
