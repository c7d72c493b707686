// The command line of the measured programs: `umap-bench PROGRAM --name value…`. The benchmark
// writes it, so garbage is a mistake of ours and ends the program.
#pragma once

#include <cstdint>
#include <string>

namespace umap::bench {

struct Options {
  std::string program;
  std::string file;
  // What stands behind the touched addresses: see memory.h.
  std::string memory = "engine";
  // How the engine takes faults: auto, userfaultfd, userfaultfd-user-mode, signal, in-thread.
  std::string faults = "auto";
  uint64_t file_bytes = 0;
  uint64_t buffer_bytes = 0;
  uint64_t page_bytes = 4096;
  uint64_t threads = 1;
  uint64_t touches = 0;
  uint64_t milliseconds = 1000;
  uint64_t seed = 1;
  // Pages of `random` that are announced together; 0: none are.
  uint64_t announce = 0;
  // Touches of `zipf` before the clock starts.
  uint64_t warm_up_touches = 0;
  // log2 of the vertices of a graph.
  uint64_t scale = 0;
  // Of `growth-…`: the part of a region that is touched, or the size of each of many regions.
  uint64_t span_bytes = 0;
  uint64_t regions = 1;
  bool direct = false;
  bool writable = false;
  // Of the scanned bytes: see pattern.h.
  uint64_t checksum = 0;
  // The cgroup.procs file of the group to run in; empty: stay.
  std::string cgroup;
};

Options ParseOptions(int argc, char** argv);

}  // namespace umap::bench
