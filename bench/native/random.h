// A small random number generator, so that both sides touch the same pages in the same order.
// The algorithm is splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
#pragma once

#include <cstdint>

namespace umap::bench {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // Below `end`, which is far below 2^64.
  uint64_t Below(uint64_t end) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * end) >> 64);
  }

 private:
  uint64_t state_;
};

}  // namespace umap::bench
