// When a server that says nothing is asked whether it lives, and when it counts as gone. Time is
// what the caller has waited, not what a clock says: a process that was stopped itself, together
// with its server, blames nobody. Pure; belongs to one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace umap {

class Silence {
 public:
  using Time = std::chrono::nanoseconds;
  enum class Verdict : uint8_t { kWait, kAsk, kGone };

  explicit Silence(Time limit) { SetLimit(limit); }

  // How long a question may stay unanswered.
  void SetLimit(Time limit) {
    limit_ = limit;
    ask_after_ = std::min<Time>(limit / 4, kAskAfterMax);
  }

  // The server has said something, whatever it was.
  void Heard() {
    silent_ = Time::zero();
    is_asked_ = false;
  }

  // How long to wait for it at most before Waited() is asked.
  Time NextWait() const { return std::max<Time>(Due() - silent_, Time::zero()) + kGrain; }

  // The caller was ready to hear for `time`, and heard nothing.
  Verdict Waited(Time time) {
    silent_ += std::min(time, NextWait());
    if (silent_ < Due()) return Verdict::kWait;
    if (is_asked_) return Verdict::kGone;
    silent_ = Time::zero();
    is_asked_ = true;
    return Verdict::kAsk;
  }

 private:
  static constexpr Time kAskAfterMax = std::chrono::seconds(2);
  // poll() counts in milliseconds.
  static constexpr Time kGrain = std::chrono::milliseconds(1);

  Time Due() const { return is_asked_ ? limit_ : ask_after_; }

  Time limit_{};
  Time ask_after_{};
  Time silent_{};
  bool is_asked_ = false;
};

}  // namespace umap
