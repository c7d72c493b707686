// Says in which way this machine takes faults when nobody chooses: prints the name of the mode, or
// on standard error why there is none.
#include <cstdio>

#include "test/try_way.h"

int main() {
  umap::FaultMode mode = umap::FaultMode::kUserfaultfd;
  const umap::Status status = umap::test::TryWay(umap::FaultChoice::kAuto, &mode);
  if (!status.ok()) {
    std::fprintf(stderr, "own_way: %s\n", status.message.c_str());
    return 1;
  }
  std::printf("%s\n", NameOf(mode));
  return 0;
}
