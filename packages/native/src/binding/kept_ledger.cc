// See kept_ledger.h.
#include "binding/kept_ledger.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "os/log.h"

namespace umap {

namespace {

constexpr const char kPrefix[] = "dataset/";

// The facts of a data set as they lie in the ledger, which another release may read.
struct Facts {
  uint64_t page_bytes;
  uint64_t byte_length;
  uint64_t writable;
};

std::string KeyOf(const std::string& name) { return kPrefix + name; }

}  // namespace

KeptLedger::KeptLedger(std::shared_ptr<Ledger> ledger) : ledger_(std::move(ledger)) {
  MutexLock lock(mutex_);
  for (LedgerEntry& entry : ledger_->Take(kPrefix)) {
    Facts facts;
    if (entry.bytes.size() != sizeof facts || entry.fds.size() != 2) {
      Log(LogLevel::kError, "the supervisor keeps something that is no data set: " + entry.key);
      continue;
    }
    std::memcpy(&facts, entry.bytes.data(), sizeof facts);
    std::string name = entry.key.substr(sizeof kPrefix - 1);
    Kept kept = {{name, facts.page_bytes, facts.byte_length, facts.writable != 0}, {}};
    kept.pages.pages = std::move(entry.fds[0]);
    kept.pages.states = std::move(entry.fds[1]);
    kept.pages.clients_follow = true;
    kept_.emplace(std::move(name), std::move(kept));
  }
}

std::vector<KeptDataset> KeptLedger::Datasets() const {
  MutexLock lock(mutex_);
  std::vector<KeptDataset> datasets;
  for (const auto& [name, kept] : kept_) datasets.push_back(kept.facts);
  return datasets;
}

Status KeptLedger::OpenPages(const KeptDataset& dataset, std::shared_ptr<SharedPages>* pages) {
  {
    MutexLock lock(mutex_);
    const auto found = kept_.find(dataset.name);
    if (found != kept_.end()) {
      const KeptDataset& facts = found->second.facts;
      if (facts.page_bytes != dataset.page_bytes || facts.byte_length != dataset.byte_length ||
          facts.writable != dataset.writable) {
        return Status::Fail(EINVAL, "the pages of the data set '" + dataset.name +
                                        "' that the last server left are of another shape");
      }
      *pages = std::make_shared<SharedPages>(std::move(found->second.pages));
      kept_.erase(found);
      return Status::Ok();
    }
  }
  auto fresh = std::make_shared<SharedPages>();
  Status status = CreateSharedPages(dataset.byte_length, dataset.page_bytes, fresh.get());
  if (!status.ok()) return status;
  const Facts facts = {dataset.page_bytes, dataset.byte_length, dataset.writable ? 1u : 0u};
  std::array<uint8_t, sizeof facts> bytes;
  std::memcpy(bytes.data(), &facts, sizeof facts);
  const std::array<int, 2> fds = {fresh->pages.get(), fresh->states.get()};
  status = ledger_->Put(KeyOf(dataset.name), bytes, fds);
  if (status.ok()) *pages = std::move(fresh);
  return status;
}

void KeptLedger::DropPages(const std::string& name) { ledger_->Drop(KeyOf(name)); }

}  // namespace umap
