// A ledger as JavaScript holds it, with what the last server left of data sets. Knows nothing of
// Node.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/shared_region.h"
#include "os/mutex.h"
#include "os/status.h"
#include "server/ledger.h"

namespace umap {

// What pages are good for; others than these cannot be opened over them.
struct KeptDataset {
  std::string name;
  uint64_t page_bytes = 0;
  uint64_t byte_length = 0;
  bool writable = false;
};

// Any thread.
class KeptLedger {
 public:
  explicit KeptLedger(std::shared_ptr<Ledger> ledger);

  const std::shared_ptr<Ledger>& ledger() const { return ledger_; }
  // Those of the last server that no region has been opened over, in the order of their names.
  std::vector<KeptDataset> Datasets() const;

  // The pages of the last server, else new ones, which are kept before this returns. EINVAL: the
  // last server's are others.
  Status OpenPages(const KeptDataset& dataset, std::shared_ptr<SharedPages>* pages);
  // Of a data set that is closed: everything is in its store.
  void DropPages(const std::string& name);

 private:
  struct Kept {
    KeptDataset facts;
    SharedPages pages;
  };

  const std::shared_ptr<Ledger> ledger_;
  mutable Mutex mutex_;
  std::map<std::string, Kept> kept_ GUARDED_BY(mutex_);
};

}  // namespace umap
