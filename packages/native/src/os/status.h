// The outcome of an operation that the outside world can refuse: an errno, a sentence, and what a
// JavaScript store said. Values are plain and may cross threads.
#pragma once

#include <string>
#include <utility>

namespace umap {

struct Status {
  // 0 is success; else a positive errno that says what kind of failure it was.
  int error = 0;
  // Whether the same operation may succeed when it is repeated.
  bool retryable = false;
  // One sentence for a person; empty on success.
  std::string message;
  // The error that a JavaScript store threw, as serialised JSON; empty for native stores.
  std::string detail;

  bool ok() const { return error == 0; }

  static Status Ok() { return {}; }
  static Status Fail(int error, std::string message) {
    return {error, false, std::move(message), {}};
  }
  static Status Retry(int error, std::string message) {
    return {error, true, std::move(message), {}};
  }
};

// "what: strerror (errno)", for a system call that failed.
Status SystemError(int error, const std::string& what);

}  // namespace umap
