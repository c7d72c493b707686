// Tries a way to take faults, as an application would: by opening a region in it.
#pragma once

#include <memory>

#include "test/engine_fixture.h"

namespace umap::test {

// Opens a region of one page and closes it.
inline Status TryWay(FaultChoice choice, FaultMode* mode) {
  const DataFile file(4096);
  RegionOptions options;
  options.store = Mapped::StoreOf(file, {});
  options.buffer = BufferOf(1 << 20);
  options.page_bytes = 4096;
  options.byte_length = file.bytes();
  options.faults = choice;
  std::shared_ptr<Region> region;
  const Status status = OpenRegion(options, &region);
  if (!status.ok()) return status;
  *mode = StatsOf(*region).fault_mode;
  return Await([&](Callback done) { umap::Close(region, std::move(done)); });
}

}  // namespace umap::test
