// A data set as the server knows it, fixed from its addition on but for the counts. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/shared_region.h"
#include "os/status.h"
#include "os/unique_fd.h"
#include "server/server.h"

namespace umap {

struct Dataset {
  std::string name;
  std::shared_ptr<Region> region;
  SharedPages pages;
  bool writable = false;
  uint64_t byte_length = 0;
  uint64_t page_bytes = 0;
  std::vector<AllowRule> allow;

  // Of mappings that have ended.
  std::atomic<uint64_t> past_faults{0};
  std::atomic<uint64_t> past_resident_faults{0};

  // What a client maps.
  uint64_t mapped_bytes() const { return MappedBytesOf(*region); }
};

// 1 to 255 bytes, none of them a control character.
bool IsDatasetName(std::string_view name);
// In quotes, and fit for a log, whatever a client has sent as a name.
std::string Quoted(std::string_view name);

Status MakeDataset(const DatasetOptions& options, std::unique_ptr<Dataset>* dataset);

// What a client gets to map: for reading only, or for both.
Status OpenPages(const Dataset& dataset, bool writable, UniqueFd* pages);

// Makes all that was written to it durable.
Status FlushAndWait(const Dataset& dataset);

}  // namespace umap
