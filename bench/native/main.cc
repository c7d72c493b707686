// `umap-bench PROGRAM --name value…`: one short-lived measured program per process, started by the
// benchmark in ../src. The result is one line of JSON on stdout.
#include <fcntl.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <string>

#include "data_file.h"
#include "fail.h"
#include "options.h"
#include "os/unique_fd.h"
#include "programs.h"

namespace umap::bench {
namespace {

// Before any memory is taken, so that all of it is charged to the group.
void EnterCgroup(const std::string& procs) {
  if (procs.empty()) return;
  const UniqueFd fd(Must(open(procs.c_str(), O_WRONLY | O_CLOEXEC), procs.c_str()));
  Must(write(fd.get(), "0", 1), procs.c_str());
}

int Main(int argc, char** argv) {
  const std::map<std::string, std::function<void(const Options&)>> programs = {
      {"write-data", WriteData},
      {"drop-cache", DropCache},
      {"warm-cache", WarmCache},
      {"checksum", PrintChecksum},
      {"fault", RunFault},
      {"random", RunRandom},
      {"scan", RunScan},
      {"scan-write", RunScanWrite},
      {"copy", RunCopy},
      {"sort", RunSort},
      {"write-random-words", WriteRandomWords},
      {"bfs", RunBfs},
      {"write-graph", WriteGraph},
      {"zipf", RunZipf},
      {"write-zipf-trace", WriteZipfTrace},
      {"mixed", RunMixed},
      {"growth-region", RunGrowthOfRegion},
      {"growth-regions", RunGrowthOfRegions},
      {"growth-dirty", RunGrowthOfDirtyPages},
      {"growth-memory", RunGrowthOfMemory}};
  const Options options = ParseOptions(argc, argv);
  EnterCgroup(options.cgroup);
  const auto program = programs.find(options.program);
  if (program == programs.end()) Fail("no program is named %s", options.program.c_str());
  program->second(options);
  std::fflush(stdout);
  return 0;
}

}  // namespace
}  // namespace umap::bench

int main(int argc, char** argv) { return umap::bench::Main(argc, argv); }
