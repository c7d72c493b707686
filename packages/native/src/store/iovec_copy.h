// Copies between one block of memory and a range of a scatter list.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace umap {

// Calls `visit(address, bytes, done)` for each piece of [offset, offset + byte_length) of the list;
// `done` counts the bytes before the piece. What lies beyond the list's end is not visited.
template <typename Visit>
void ForEachPiece(const Iovecs& iovecs, uint64_t offset, uint64_t byte_length,
                  Visit visit) {
  uint64_t begin = 0;
  uint64_t done = 0;
  for (const iovec& piece : iovecs) {
    if (done == byte_length) return;
    const uint64_t end = begin + piece.iov_len;
    const uint64_t from = offset + done;
    if (from >= begin && from < end) {
      const uint64_t bytes = std::min(end - from, byte_length - done);
      visit(static_cast<uint8_t*>(piece.iov_base) + (from - begin), bytes, done);
      done += bytes;
    }
    begin = end;
  }
}

inline void CopyFromIovecs(const Iovecs& from, uint64_t offset, uint8_t* to,
                           uint64_t byte_length) {
  ForEachPiece(from, offset, byte_length, [to](uint8_t* piece, uint64_t bytes, uint64_t done) {
    std::memcpy(to + done, piece, bytes);
  });
}

inline void CopyToIovecs(const Iovecs& to, uint64_t offset, const uint8_t* from,
                         uint64_t byte_length) {
  ForEachPiece(to, offset, byte_length, [from](uint8_t* piece, uint64_t bytes, uint64_t done) {
    std::memcpy(piece, from + done, bytes);
  });
}

inline void ZeroIovecs(const Iovecs& target, uint64_t offset, uint64_t byte_length) {
  ForEachPiece(target, offset, byte_length,
               [](uint8_t* piece, uint64_t bytes, uint64_t) { std::memset(piece, 0, bytes); });
}

}  // namespace umap
