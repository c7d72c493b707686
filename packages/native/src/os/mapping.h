// Owns one range of address space. What lies behind it is private anonymous memory, or a file that
// is shared; no child process inherits it and no core dump walks through it.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "os/status.h"

namespace umap {

class Mapping {
 public:
  Mapping() = default;
  ~Mapping() { Reset(); }
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        huge_(other.huge_),
        shared_(other.shared_) {}
  Mapping& operator=(Mapping&& other) noexcept {
    if (this != &other) {
      Reset();
      data_ = std::exchange(other.data_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
      huge_ = other.huge_;
      shared_ = other.shared_;
    }
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  // Address space only: nothing is committed until it is touched. `align` is a power of two.
  // `huge`: back it by transparent huge pages where they can be had; else never.
  static Status Reserve(size_t bytes, size_t align, bool huge, Mapping* mapping);

  // All of a file from its beginning, shared with whoever maps it too.
  static Status MapShared(int fd, size_t bytes, size_t align, bool accessible, Mapping* mapping);

  uint8_t* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  bool Contains(uint64_t address) const {
    const uint64_t begin = reinterpret_cast<uint64_t>(data_);
    return address >= begin && address - begin < bytes_;
  }

  // Parts of it, replaced in one step by a mapping of a file's beginning, by memory that may not be
  // touched (the same bytes of the file, where it is one, else anonymous), and that memory made
  // accessible. Offsets and lengths in bytes, multiples of the system page.
  void MapFile(size_t offset, size_t bytes, int fd) const;
  void MapInaccessible(size_t offset, size_t bytes, int fd = -1) const;
  void MakeAccessible(size_t offset, size_t bytes) const;
  // Gives the memory of a part back to the kernel, in the file too where it is one; it reads as
  // zeros afterwards.
  void Release(size_t offset, size_t bytes) const;
  // The same for several parts of private memory at once, up to 64: pieces of [data(), + bytes()).
  void ReleaseEach(const iovec* parts, size_t count) const;
  void Reset();

 private:
  uint8_t* data_ = nullptr;
  size_t bytes_ = 0;
  bool huge_ = false;
  bool shared_ = false;
};

}  // namespace umap
