// Process-wide numbers for things that JavaScript refers to, valid in every thread. A number is
// never used twice.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "os/mutex.h"

namespace umap {

// Thread-safe.
template <typename T>
class IdTable {
 public:
  uint64_t Add(std::shared_ptr<T> value) {
    MutexLock lock(mutex_);
    values_.emplace(++last_id_, std::move(value));
    return last_id_;
  }

  // nullptr when there is none.
  std::shared_ptr<T> Find(uint64_t id) const {
    MutexLock lock(mutex_);
    const auto found = values_.find(id);
    return found == values_.end() ? nullptr : found->second;
  }

  std::shared_ptr<T> Remove(uint64_t id) {
    MutexLock lock(mutex_);
    const auto found = values_.find(id);
    if (found == values_.end()) return nullptr;
    std::shared_ptr<T> value = std::move(found->second);
    values_.erase(found);
    return value;
  }

  std::vector<std::shared_ptr<T>> All() const {
    MutexLock lock(mutex_);
    std::vector<std::shared_ptr<T>> all;
    for (const auto& [id, value] : values_) all.push_back(value);
    return all;
  }

 private:
  mutable Mutex mutex_;
  uint64_t last_id_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<uint64_t, std::shared_ptr<T>> values_ GUARDED_BY(mutex_);
};

// The one table of its kind in the process. Never destroyed: engine threads and garbage collection
// use it until the process has ended.
template <typename T>
IdTable<T>& Table() {
  static auto* const table = new IdTable<T>();
  return *table;
}

}  // namespace umap
