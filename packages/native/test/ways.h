// The way in which the tests of a binary take faults: what this machine made of UMAP_FAULTS, and
// what holds in it. A binary that includes it skips its tests where UMAP_FAULTS forces a way that
// the machine lacks, and where that is the one of UMAP_TEST_WAY_DONE, in which they ran before.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <string>

#include "test/engine_fixture.h"
#include "test/expect.h"
#include "test/try_way.h"

namespace umap::test {

// The mode of every region that the tests open.
inline FaultMode Way() {
  static const FaultMode way = [] {
    FaultMode mode = FaultMode::kUserfaultfd;
    CHECK(TryWay(ChosenWay(), &mode).ok());
    return mode;
  }();
  return way;
}

// A system call may touch an absent page.
inline bool ServesSystemCalls() { return umap::ServesSystemCalls(Way()); }

// Faults are messages that engine threads read; in the other ways the touching thread answers.
inline bool ReadsMessages() {
  return Way() == FaultMode::kUserfaultfd || Way() == FaultMode::kUserfaultfdUserMode;
}

// Pages are moved or copied by userfaultfd; else they are shown by mprotect(2).
inline bool UsesUserfaultfd() { return Way() != FaultMode::kSignal; }

// In ways beside the machine's own, what is the same in all of them need not be shown again.
inline bool IsBrief() { return std::getenv("UMAP_TEST_BRIEF") != nullptr; }

constexpr const char* kNotServed = "system calls on absent pages are not served in this way";
constexpr const char* kNoMessages = "faults are no messages in this way";
constexpr const char* kNoUserfaultfd = "this way does without userfaultfd";

// Only these mean that a machine lacks a way; mprotect(2) and signals are nowhere lacking.
inline bool IsLacking(FaultChoice choice, const Status& status) {
  return choice != FaultChoice::kSignal && (status.error == EPERM || status.error == ENOSYS);
}

inline std::string WhyNoTests() {
  const FaultChoice choice = ChosenWay();
  FaultMode mode = FaultMode::kUserfaultfd;
  const Status status = TryWay(choice, &mode);
  if (!status.ok()) {
    if (choice != FaultChoice::kAuto && IsLacking(choice, status)) return status.message;
    std::printf("  no region can be opened: %s\n", status.message.c_str());
    return "";
  }
  // Tests that ran in another way than they say would prove nothing.
  CHECK(choice != FaultChoice::kSignal || mode == FaultMode::kSignal);
  CHECK(choice != FaultChoice::kInThread || mode == FaultMode::kInThread);
  const char* const done = std::getenv("UMAP_TEST_WAY_DONE");
  if (done == nullptr || std::string(done) != NameOf(mode)) return "";
  return "what is had is " + std::string(done) + ", in which they ran before";
}

inline const bool kPreconditionSet = (Precondition() = &WhyNoTests, true);

}  // namespace umap::test
