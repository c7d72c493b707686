// See shared_region.h.
#include "engine/shared_region.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <string>

#include "engine/engine_state.h"
#include "engine/range_operations.h"
#include "os/shared_memory.h"

namespace umap {

Status CreateSharedPages(uint64_t byte_length, uint64_t page_bytes, SharedPages* shared) {
  const uint64_t page_count = (byte_length + page_bytes - 1) / page_bytes;
  SharedPages created;
  Status status = CreateSealedMemory("umap-shared-pages", page_count * page_bytes, &created.pages);
  if (status.ok()) {
    status = CreateSealedMemory("umap-page-states", page_count * sizeof(PageEntry),
                                &created.states);
  }
  if (status.ok()) *shared = std::move(created);
  return status;
}

Status ReopenForReading(const SharedPages& shared, UniqueFd* pages) {
  // Its mode is what counts when a process reopens its descriptor.
  if (fchmod(shared.pages.get(), 0400) != 0) return SystemError(errno, "shared pages");
  const std::string path = "/proc/self/fd/" + std::to_string(shared.pages.get());
  pages->Reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return pages->valid() ? Status::Ok() : SystemError(errno, "opening shared pages for reading");
}

Status AttachClient(const std::shared_ptr<Region>& region, const ClientMappingOptions& options,
                    std::shared_ptr<ClientMapping>* client) {
  if (region->mapper->mode() != FaultMode::kShared) {
    return Status::Fail(EINVAL, "the region's pages are not shared");
  }
  if (options.writable && !region->writable) {
    return Status::Fail(EACCES, "the region is read-only");
  }
  if (options.writable && !options.faults->has_write_protect()) {
    return Status::Fail(EINVAL, "the client's userfaultfd cannot notice writes: Linux 6.6");
  }
  auto opened = std::make_shared<ClientMapping>(region, options);
  Status status = opened->Open();
  if (!status.ok()) return status;
  SharedMapper::AddClient(*region, opened);
  if (options.taken_over) status = opened->TakeOver();
  if (!status.ok()) {
    DetachClient(opened, false);
    return status;
  }
  *client = std::move(opened);
  return Status::Ok();
}

void DetachClient(const std::shared_ptr<ClientMapping>& client, bool client_lives) {
  SharedMapper::RemoveClient(*client->region(), client);
  client->Close(client_lives);
}

void AnswerClientFault(ClientMapping& client, const ClientFault& fault) {
  client.region()->pager->AnswerClientFault(client, fault);
}

void MoveClient(ClientMapping& client, uint64_t address) { client.Move(address); }

void ForgetClientRange(ClientMapping& client, uint64_t offset, uint64_t bytes) {
  const PageRange pages = PagesOf(*client.region(), {offset, bytes});
  client.LetGo(pages.first, pages.end - pages.first);
}

void MapIntoClient(ClientMapping& client, ByteRange range) {
  const PageRange pages = PagesOf(*client.region(), range);
  client.MapResident(pages.first, pages.end - pages.first);
}

void EndTakeOver(const std::shared_ptr<Region>& region) {
  region->write_backs_held.store(false);
  region->progress.fetch_add(1);
  FutexWakeAll(region->progress);
  region->pager->WakeEvictors();
  SharedMapper::WakeTakenOver(*region);
}

}  // namespace umap
