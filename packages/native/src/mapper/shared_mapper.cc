// See shared_mapper.h.
#include "mapper/shared_mapper.h"

#include <errno.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <utility>

#include "mapper/client_mapping.h"
#include "os/check.h"
#include "os/mutex.h"
#include "page/region.h"
#include "page/test_points.h"

namespace umap {

struct SharedMapper::Memory final : MapperState {
  std::atomic<uint32_t> attention{0};
  Mutex mutex;
  // Replaced whole, so that whoever goes through them holds no lock.
  std::shared_ptr<const Clients> clients GUARDED_BY(mutex) = std::make_shared<const Clients>();
  std::map<PageIndex, Status> failures GUARDED_BY(mutex);
};

SharedMapper::Memory& SharedMapper::MemoryOf(Region& region) {
  return static_cast<Memory&>(*region.mapper_state);
}

std::shared_ptr<const SharedMapper::Clients> SharedMapper::ClientsOf(Region& region) {
  Memory& memory = MemoryOf(region);
  MutexLock lock(memory.mutex);
  return memory.clients;
}

// Beginning and end ------------------------------------------------------------------------------

Status SharedMapper::MapRegion(Region& region) {
  const uint64_t bytes = uint64_t{region.page_count} * region.page_bytes;
  struct stat info = {};
  if (fstat(region.shared_pages.get(), &info) != 0) return SystemError(errno, "shared pages");
  if (static_cast<uint64_t>(info.st_size) != bytes) {
    return Status::Fail(EINVAL, "the shared pages have another length than the region");
  }
  Mapping alias;
  Status status = Mapping::MapShared(region.shared_pages.get(), bytes, region.page_bytes, true,
                                     &alias);
  if (!status.ok()) return status;
  region.mapper_state = std::make_unique<Memory>();
  region.placed_frames = std::make_unique<FramePool>(region.page_bytes, std::move(alias));
  region.pool = region.placed_frames.get();
  return Status::Ok();
}

void SharedMapper::UnmapRegion(Region& region) {
  if (region.mapper_state) CHECK(ClientsOf(region)->empty());
  region.placed_frames.reset();
  region.mapper_state.reset();
}

Status SharedMapper::CreatePool(uint64_t, SlotIndex, std::unique_ptr<FramePool>*) {
  return Status::Fail(EINVAL, "these frames have their places");
}

void SharedMapper::AddClient(Region& region, const std::shared_ptr<ClientMapping>& client) {
  Memory& memory = MemoryOf(region);
  MutexLock lock(memory.mutex);
  auto clients = std::make_shared<Clients>(*memory.clients);
  clients->push_back(client);
  memory.clients = std::move(clients);
}

void SharedMapper::RemoveClient(Region& region, const std::shared_ptr<ClientMapping>& client) {
  Memory& memory = MemoryOf(region);
  MutexLock lock(memory.mutex);
  auto clients = std::make_shared<Clients>(*memory.clients);
  std::erase(*clients, client);
  memory.clients = std::move(clients);
}

void SharedMapper::WakeTakenOver(Region& region) {
  const auto clients = ClientsOf(region);
  for (const auto& client : *clients) {
    if (client->taken_over()) client->LetGo(0, region.page_count);
  }
}

std::atomic<uint32_t>& SharedMapper::AttentionOf(Region& region) {
  return MemoryOf(region).attention;
}

// In and out -------------------------------------------------------------------------------------

void SharedMapper::MapIn(Region&, PageIndex page, SlotRun run, bool, bool) {
  CHECK(run.first == page);
}

void SharedMapper::MapZeros(Region&, PageIndex, PageIndex) { CHECK(!"there is no zero page"); }

uint64_t SharedMapper::TakeOut(Region&, PageIndex, SlotIndex, uint64_t, uint64_t) {
  CHECK(!"a page cannot be taken from other processes");
  return 0;
}

void SharedMapper::PutBack(Region&, PageIndex, SlotIndex, uint64_t) {
  CHECK(!"a page cannot be taken from other processes");
}

// A right that is being given ends before the hole is punched: it finds the page in the file, and
// the hole unmaps it.
void SharedMapper::Release(Region& region, PageIndex first, PageIndex count) {
  const auto clients = ClientsOf(region);
  for (const auto& client : *clients) client->ForgetRights(first, count);
  TestPoint("before-punch");
  region.pool->ReleaseMemory({first, count});
}

void SharedMapper::Admit(Region& region, PageIndex first, PageIndex count) {
  if (AttentionOf(region).load() == 0) return;
  const auto clients = ClientsOf(region);
  for (const auto& client : *clients) client->Serve(first, count);
}

// Writes -----------------------------------------------------------------------------------------

void SharedMapper::Protect(Region& region, PageIndex first, PageIndex count) {
  const auto clients = ClientsOf(region);
  bool all = true;
  for (const auto& client : *clients) all = client->Protect(first, count) && all;
  for (PageIndex page = first; page < first + count && !all; page++) {
    region.table[page].SetFlag(kRewritten);
  }
}

// Trouble ----------------------------------------------------------------------------------------

void SharedMapper::Poison(Region& region, PageIndex page, const Status& status) {
  Memory& memory = MemoryOf(region);
  MutexLock lock(memory.mutex);
  memory.failures[page] = status;
}

void SharedMapper::Unpoison(Region& region, PageIndex first, PageIndex count) {
  Memory& memory = MemoryOf(region);
  MutexLock lock(memory.mutex);
  memory.failures.erase(memory.failures.lower_bound(first),
                        memory.failures.lower_bound(first + count));
}

Status SharedMapper::FailureOf(Region& region, PageIndex page) {
  Memory& memory = MemoryOf(region);
  MutexLock lock(memory.mutex);
  const auto found = memory.failures.find(page);
  return found != memory.failures.end() ? found->second
                                        : Status::Fail(EIO, "the page could not be read");
}

}  // namespace umap
