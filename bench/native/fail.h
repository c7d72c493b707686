// How a measured program gives up: one line on stderr and exit code 1, which fails the whole run.
// A figure that comes from a wrong byte or a refused call is worth nothing.
#pragma once

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace umap::bench {

[[noreturn]] [[gnu::format(printf, 1, 2)]] inline void Fail(const char* format, ...) {
  std::fprintf(stderr, "umap-bench: ");
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fprintf(stderr, "\n");
  std::_Exit(1);
}

// For a system call: its negative result ends the program with the reason.
template <typename Result>
Result Must(Result result, const char* what) {
  if (result < 0) Fail("%s: %s", what, std::strerror(errno));
  return result;
}

}  // namespace umap::bench
