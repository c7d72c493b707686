// A store in memory whose trouble is scripted: calls that wait until they are let go, calls that
// fail, holes. It answers on the calling thread, as a file does, or from a thread of its own, as a
// store in JavaScript does. Writes read their source when they are submitted, so that a byte which
// is written later is in the store only if the engine writes the page again.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "os/check.h"
#include "os/clock.h"
#include "store/store.h"

namespace umap::test {

struct ScriptedOptions {
  bool blocking = false;
  bool can_discard = true;
  // TryRead answers at once.
  bool ready = false;
  // TryRead does the read, and waits as long as that takes, where it may wait.
  bool waits_in_try_read = false;
  // Blocks that nobody wrote are holes; else the store begins with known words.
  bool sparse = false;
  uint64_t call_bytes_max = 1 << 20;
  uint32_t concurrency_max = 8;
};

class ScriptedStore final : public Store {
 public:
  // Says how a call ends; Ok lets the store do it. Runs under the store's mutex.
  using Script = std::function<Status(StoreOp op, uint64_t offset, uint64_t byte_length)>;

  explicit ScriptedStore(uint64_t byte_length, const ScriptedOptions& options = {})
      : options_(options), bytes_(byte_length), written_(byte_length / kBlockBytes + 1) {
    traits_.byte_length = byte_length;
    traits_.writable = true;
    traits_.concurrency_max = options.concurrency_max;
    traits_.call_bytes_max = options.call_bytes_max;
    traits_.blocking = options.blocking;
    traits_.can_discard = options.can_discard;
    if (!options.sparse) {
      for (uint64_t at = 0; at + 8 <= byte_length; at += 8) PutWord(at, WordAt(at));
      written_.assign(written_.size(), true);
    }
    if (!options.blocking) thread_ = std::thread([this] { Run(); });
  }
  ~ScriptedStore() override {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  // The word that the store begins with at an offset that is a multiple of 8.
  static uint64_t WordAt(uint64_t offset) { return offset * 0x9e3779b97f4a7c15 + 1; }

  void SetScript(Script script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }
  // Calls of this kind wait from now on, until LetGo.
  void Hold(StoreOp op) {
    const std::lock_guard lock(mutex_);
    held_.insert(op);
  }
  // The same, for a script, which runs under the mutex.
  void HoldFromScript(StoreOp op) { held_.insert(op); }
  void LetGo(StoreOp op) {
    const std::lock_guard lock(mutex_);
    held_.erase(op);
    changed_.notify_all();
  }
  // Waits until `count` calls of this kind are under way.
  void AwaitCalls(StoreOp op, uint32_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return under_way_[op] >= count; });
  }
  uint64_t CallsOf(StoreOp op) {
    const std::lock_guard lock(mutex_);
    return calls_[op];
  }
  uint64_t Word(uint64_t offset) {
    const std::lock_guard lock(mutex_);
    uint64_t word = 0;
    for (int i = 0; i < 8; i++) word |= uint64_t{bytes_[offset + static_cast<size_t>(i)]} << 8 * i;
    return word;
  }

  const StoreTraits& traits() const override { return traits_; }
  const std::string& label() const override { return label_; }

  TryReadOutcome TryRead(uint64_t offset, void* target, uint64_t byte_length,
                         MayWait may_wait) override {
    if (options_.waits_in_try_read && may_wait == MayWait::kYes) {
      return ReadHere(offset, target, byte_length);
    }
    // A signal handler may ask, and this is the answer that takes no lock.
    if (!options_.ready) return TryReadOutcome::kWouldBlock;
    const std::lock_guard lock(mutex_);
    if (held_.contains(StoreOp::kRead)) return TryReadOutcome::kWouldBlock;
    if (script_ && !script_(StoreOp::kRead, offset, byte_length).ok()) {
      return TryReadOutcome::kWouldBlock;
    }
    if (IsHole(offset, byte_length)) return TryReadOutcome::kHole;
    std::copy_n(&bytes_[offset], byte_length, static_cast<uint8_t*>(target));
    return TryReadOutcome::kDone;
  }

  void Submit(StoreCall* call) override {
    std::unique_lock lock(mutex_);
    Pending pending{call, {}, NowNs()};
    if (call->op == StoreOp::kWrite) pending.source = Gather(*call);
    calls_[call->op]++;
    under_way_[call->op]++;
    changed_.notify_all();
    if (!options_.blocking) {
      queue_.push_back(std::move(pending));
      return;
    }
    const StoreOp op = call->op;
    changed_.wait(lock, [&] { return !held_.contains(op); });
    Finish(lock, std::move(pending));
  }

  bool OldestCall(PendingCall* pending) const override {
    const std::lock_guard lock(mutex_);
    if (options_.blocking || queue_.empty()) return false;
    const StoreCall& call = *queue_.front().call;
    *pending = {call.op, call.offset, call.byte_length, queue_.front().started_ns};
    return true;
  }

 private:
  static constexpr uint64_t kBlockBytes = 4096;

  struct Pending {
    StoreCall* call;
    std::vector<uint8_t> source;
    int64_t started_ns;
  };

  TryReadOutcome ReadHere(uint64_t offset, void* target, uint64_t byte_length) {
    std::unique_lock lock(mutex_);
    under_way_[StoreOp::kRead]++;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !held_.contains(StoreOp::kRead); });
    under_way_[StoreOp::kRead]--;
    std::copy_n(&bytes_[offset], byte_length, static_cast<uint8_t*>(target));
    return TryReadOutcome::kDone;
  }
  void PutWord(uint64_t offset, uint64_t word) {
    for (uint64_t i = 0; i < 8; i++) bytes_[offset + i] = static_cast<uint8_t>(word >> 8 * i);
  }
  bool IsHole(uint64_t offset, uint64_t byte_length) const {
    for (uint64_t block = offset / kBlockBytes; block * kBlockBytes < offset + byte_length;
         block++) {
      if (written_[block]) return false;
    }
    return true;
  }
  // The application may write the source meanwhile: by design, so no race to report.
  __attribute__((no_sanitize("thread"))) static std::vector<uint8_t> Gather(
      const StoreCall& call) {
    std::vector<uint8_t> bytes(call.byte_length);
    uint8_t* to = bytes.data();
    for (const iovec& piece : call.iovecs) {
      const auto* from = static_cast<const volatile uint8_t*>(piece.iov_base);
      size_t i = 0;
      for (; i + 8 <= piece.iov_len; i += 8) {
        const auto* word = reinterpret_cast<const volatile uint64_t*>(from + i);
        *reinterpret_cast<uint64_t*>(to + i) = *word;
      }
      for (; i < piece.iov_len; i++) to[i] = from[i];
      to += piece.iov_len;
    }
    return bytes;
  }

  void Run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      auto next = queue_.begin();
      while (next != queue_.end() && held_.contains(next->call->op)) next++;
      if (next == queue_.end()) {
        if (stopping_) return;
        changed_.wait(lock);
        continue;
      }
      Pending pending = std::move(*next);
      queue_.erase(next);
      Finish(lock, std::move(pending));
    }
  }

  void Finish(std::unique_lock<std::mutex>& lock, Pending pending) {
    StoreCall& call = *pending.call;
    under_way_[call.op]--;
    StoreResult result;
    if (script_) result.status = script_(call.op, call.offset, call.byte_length);
    if (result.status.ok()) Carry(call, pending.source, &result);
    lock.unlock();
    call.Done(std::move(result));
    lock.lock();
  }

  void Carry(const StoreCall& call, const std::vector<uint8_t>& source, StoreResult* result) {
    CHECK(call.op == StoreOp::kFlush || call.offset + call.byte_length <= bytes_.size());
    const uint64_t first = call.offset / kBlockBytes;
    const uint64_t end = (call.offset + call.byte_length + kBlockBytes - 1) / kBlockBytes;
    uint64_t at = call.offset;
    switch (call.op) {
      case StoreOp::kRead:
        result->hole = IsHole(call.offset, call.byte_length);
        for (const iovec& piece : call.iovecs) {
          if (result->hole) break;
          std::copy_n(&bytes_[at], piece.iov_len, static_cast<uint8_t*>(piece.iov_base));
          at += piece.iov_len;
        }
        break;
      case StoreOp::kWrite:
        std::copy(source.begin(), source.end(), &bytes_[call.offset]);
        for (uint64_t block = first; block < end; block++) written_[block] = true;
        break;
      case StoreOp::kDiscard:
        std::fill_n(&bytes_[call.offset], call.byte_length, uint8_t{0});
        for (uint64_t block = first; block < end; block++) written_[block] = false;
        break;
      case StoreOp::kFlush:
        break;
    }
  }

  const ScriptedOptions options_;
  StoreTraits traits_;
  const std::string label_ = "scripted store";
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Script script_;
  std::set<StoreOp> held_;
  std::map<StoreOp, uint32_t> under_way_;
  std::map<StoreOp, uint64_t> calls_;
  std::vector<uint8_t> bytes_;
  std::vector<bool> written_;
  std::deque<Pending> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace umap::test
