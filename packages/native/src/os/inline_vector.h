// A vector whose first elements lie in itself: it asks the heap for memory only where it grows
// beyond them, so that where few elements are known to suffice it may be used in a signal handler.
// For plain data. It belongs to whoever owns it, as std::vector does.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <type_traits>
#include <utility>

#include "os/check.h"

namespace umap {

template <typename T, size_t kInline>
class InlineVector {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
  static_assert(alignof(T) <= alignof(std::max_align_t) && kInline > 0);

 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;

  InlineVector() = default;
  InlineVector(std::initializer_list<T> elements) {
    for (const T& element : elements) push_back(element);
  }
  ~InlineVector() { FreeHeap(); }
  InlineVector(const InlineVector& other) { Append(other.data(), other.size()); }
  InlineVector& operator=(const InlineVector& other) {
    if (this == &other) return *this;
    clear();
    Append(other.data(), other.size());
    return *this;
  }
  InlineVector(InlineVector&& other) noexcept { TakeFrom(other); }
  InlineVector& operator=(InlineVector&& other) noexcept {
    if (this == &other) return *this;
    FreeHeap();
    TakeFrom(other);
    return *this;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // How many elements it can hold without asking for memory.
  size_t capacity() const { return capacity_; }

  T* data() { return data_; }
  const T* data() const { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& operator[](size_t index) { return data_[index]; }
  const T& operator[](size_t index) const { return data_[index]; }
  T& front() { return data_[0]; }
  const T& front() const { return data_[0]; }
  T& back() { return data_[size_ - 1]; }
  const T& back() const { return data_[size_ - 1]; }

  // By value: the element may be one of this vector, which moves when it grows.
  void push_back(T element) {
    reserve(size_ + 1);
    new (data_ + size_) T(element);
    size_++;
  }
  template <typename... Arguments>
  T& emplace_back(Arguments&&... arguments) {
    push_back(T{std::forward<Arguments>(arguments)...});
    return back();
  }
  void pop_back() { size_--; }
  // Keeps what memory it has.
  void clear() { size_ = 0; }
  void resize(size_t size) {
    reserve(size);
    for (size_t i = size_; i < size; i++) new (data_ + i) T();
    size_ = size;
  }
  void reserve(size_t capacity) {
    if (capacity > capacity_) Grow(capacity);
  }
  void swap(InlineVector& other) { std::swap(*this, other); }

 private:
  T* Inside() { return reinterpret_cast<T*>(inside_); }
  bool OnHeap() const { return data_ != reinterpret_cast<const T*>(inside_); }

  void Append(const T* elements, size_t count) {
    reserve(size_ + count);
    if (count > 0) std::memcpy(static_cast<void*>(data_ + size_), elements, count * sizeof(T));
    size_ += count;
  }

  void Grow(size_t capacity_min) {
    const size_t capacity = capacity_min > 2 * capacity_ ? capacity_min : 2 * capacity_;
    void* const memory = std::realloc(OnHeap() ? data_ : nullptr, capacity * sizeof(T));
    CHECK(memory != nullptr);
    if (!OnHeap()) std::memcpy(memory, inside_, size_ * sizeof(T));
    data_ = static_cast<T*>(memory);
    capacity_ = capacity;
  }

  void FreeHeap() {
    if (OnHeap()) std::free(data_);
    data_ = Inside();
    size_ = 0;
    capacity_ = kInline;
  }

  // REQUIRES: this one is as after FreeHeap. The other one is so afterwards.
  void TakeFrom(InlineVector& other) {
    if (other.OnHeap()) {
      data_ = std::exchange(other.data_, other.Inside());
      capacity_ = std::exchange(other.capacity_, kInline);
    } else {
      std::memcpy(inside_, other.inside_, other.size_ * sizeof(T));
    }
    size_ = std::exchange(other.size_, 0);
  }

  alignas(T) std::byte inside_[kInline * sizeof(T)];
  T* data_ = Inside();
  size_t size_ = 0;
  size_t capacity_ = kInline;
};

}  // namespace umap
