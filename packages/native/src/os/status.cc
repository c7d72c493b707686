// Turns the errno of a failed system call into a Status. Callable from any thread.
#include "os/status.h"

#include <cerrno>
#include <cstring>

namespace umap {

namespace {

// Failures that pass when somebody frees space, memory or descriptors, or when the device or
// server behind a file comes back. The others say the same thing however often one asks.
bool MayPass(int error) {
  switch (error) {
    case EAGAIN:
    case EBUSY:
    case EDQUOT:
    case EINTR:
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:
    case ESTALE:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

// strerror_r comes in two shapes: GNU's returns the text, POSIX's fills the buffer.
[[maybe_unused]] const char* ErrorText(const char* text, const char*) { return text; }
[[maybe_unused]] const char* ErrorText(int failed, const char* buffer) {
  return failed == 0 ? buffer : "unknown error";
}

}  // namespace

Status SystemError(int error, const std::string& what) {
  char buffer[128] = "";
  const char* text = ErrorText(strerror_r(error, buffer, sizeof buffer), buffer);
  std::string message = what + ": " + text + " (errno " + std::to_string(error) + ")";
  return {error, MayPass(error), std::move(message), {}};
}

}  // namespace umap
