// The bytes of the data file, known at every offset, so that every touch can be checked: float64
// integers, which a JavaScript view reads exactly too. The same in ../src/pattern.ts.
#pragma once

#include <bit>
#include <cstdint>

namespace umap::bench {

constexpr uint64_t kWordBytes = 8;
// The unit of the scans' checksum.
constexpr uint64_t kBlockBytes = 1 << 20;

// The float64 at a word's index: 20 bits of a multiplicative hash, so that the sum of a whole file
// is exact too.
inline double ValueAt(uint64_t index) {
  return static_cast<double>((static_cast<uint32_t>(index) * 0x9e3779b1u) >> 12);
}

inline uint64_t WordAt(uint64_t index) { return std::bit_cast<uint64_t>(ValueAt(index)); }

// A checksum over blocks in order: exchanged blocks change it, words within a block are only added,
// so that the sum costs a scan no more than reading.
class Checksum {
 public:
  void AddBlock(uint64_t sum) { value_ = value_ * 0x100000001b3 + sum; }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0;
};

// REQUIRES: `words` is a whole block, or the end of the data.
inline uint64_t SumWords(const uint64_t* words, uint64_t byte_length) {
  uint64_t sums[4] = {};
  const uint64_t count = byte_length / kWordBytes;
  for (uint64_t i = 0; i + 4 <= count; i += 4) {
    for (int lane = 0; lane < 4; lane++) sums[lane] += words[i + lane];
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

}  // namespace umap::bench
