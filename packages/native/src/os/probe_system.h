// Machine, limits and memory, read from system calls and /proc; part of Probe(). Reads only, any
// thread.
#pragma once

#include <optional>
#include <string>

#include "os/probe.h"

namespace umap {

SystemReport ReadSystem();

// The memory cgroup of this process, version 1 or 2, whichever controls memory.
CgroupReport ReadCgroup();

// The whole of a small file; empty when it cannot be read.
std::optional<std::string> ReadTextFile(const std::string& path);

// The file's one number; empty when there is none.
std::optional<uint64_t> ReadNumberFile(const std::string& path);

// The rest of the line that starts with `key`, blanks trimmed: "Seccomp:" in /proc/PID/status.
std::optional<std::string> FindField(const std::string& text, const std::string& key);

// An unsigned number, up to the first character that is no digit of `base`.
std::optional<uint64_t> ParseNumber(const std::string& text, int base = 10);

}  // namespace umap
