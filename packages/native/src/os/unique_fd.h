// Owns one file descriptor and closes it once. Used by every thread; a UniqueFd itself belongs to
// one owner at a time and is moved, never copied.
#pragma once

#include <unistd.h>

#include <utility>

namespace umap {

class UniqueFd {
 public:
  UniqueFd() = default;
  // Takes ownership; a negative descriptor is "none".
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { Reset(); }

  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  explicit operator bool() const { return valid(); }

  // Gives the descriptor away; the caller closes it.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }

  // Closes what is held and takes `fd` instead. close() is never repeated, not even after EINTR:
  // Linux has freed the number by then, and another thread may own it already.
  void Reset(int fd = -1) {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) ::close(old);
  }

 private:
  int fd_ = -1;
};

}  // namespace umap
