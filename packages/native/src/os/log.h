// Lines on standard error. Written with one write(2) each and without stdio's locks, so that a
// thread can report while the main thread is blocked in a fault.
#pragma once

#include <cstdint>
#include <string>

namespace umap {

enum class LogLevel : uint8_t { kSilent, kError, kWarning, kInfo, kDebug };

void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);
// One line, "umap: " in front; dropped when the level is not enabled.
void Log(LogLevel level, const std::string& line);

}  // namespace umap
