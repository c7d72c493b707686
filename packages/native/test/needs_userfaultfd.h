// For binaries whose every test has a client of a server: they skip where this machine, or a
// sandbox around the process, refuses userfaultfd(2) altogether.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "os/uffd_abi.h"
#include "os/unique_fd.h"
#include "test/expect.h"
#include "test/ways.h"

namespace umap::test {

inline std::string WhyNoUserfaultfd() {
  const std::string why_none = WhyNoTests();
  if (!why_none.empty()) return why_none;
  constexpr int kFlags = O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY;
  const UniqueFd uffd(static_cast<int>(syscall(SYS_userfaultfd, kFlags)));
  return uffd ? "" : std::string("userfaultfd is refused: ") + std::strerror(errno);
}

inline const bool kNeedsUserfaultfd = (Precondition() = &WhyNoUserfaultfd, true);

}  // namespace umap::test
