// The mapper of a server of pages: the bytes of a region lie in a memory file that clients map too,
// page n's at page n's place, and are filled through a mapping of this process's, the alias. Nobody
// touches the region's memory in this process: there is none. Faults come from the clients, whose
// rights on pages a ClientMapping each knows.
//
// A page cannot be taken from another process with its bytes: it leaves by a hole that is punched
// into the file, which unmaps it everywhere. Nothing here runs in a signal handler.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "page/mapper.h"

namespace umap {

class ClientMapping;

class SharedMapper final : public Mapper {
 public:
  FaultMode mode() const override { return FaultMode::kShared; }
  // REQUIRES: region.shared_pages is as long as the region's pages.
  Status MapRegion(Region& region) override;
  // REQUIRES: it has no clients.
  void UnmapRegion(Region& region) override;
  Status CreatePool(uint64_t page_bytes, SlotIndex slot_count,
                    std::unique_ptr<FramePool>* pool) override;
  bool places_frames() const override { return true; }
  bool moves() const override { return true; }
  bool takes_out() const override { return false; }
  bool has_zero_page() const override { return false; }
  // The bytes are there; Admit maps them, for those who ask, when the word says so.
  void MapIn(Region& region, PageIndex page, SlotRun run, bool moves, bool for_write) override;
  void MapZeros(Region& region, PageIndex first, PageIndex count) override;
  uint64_t TakeOut(Region& region, PageIndex page, SlotIndex slot, uint64_t done,
                   uint64_t bytes) override;
  void PutBack(Region& region, PageIndex page, SlotIndex slot, uint64_t bytes) override;
  void Release(Region& region, PageIndex first, PageIndex count) override;
  // A page that a client cannot be kept from writing counts as rewritten.
  // REQUIRES: the pages are being written back, by the caller.
  void Protect(Region& region, PageIndex first, PageIndex count) override;
  // The word allows writes; Admit lets those who wait go on.
  void Unprotect(Region&, PageIndex) override {}
  // Clients poison their memory themselves, when they are told.
  void Poison(Region& region, PageIndex page, const Status& status) override;
  void Unpoison(Region& region, PageIndex first, PageIndex count) override;
  void Wake(Region& region, PageIndex page) override { Admit(region, page, 1); }
  bool Restore(Region&, PageIndex) override { return false; }
  void Admit(Region& region, PageIndex first, PageIndex count) override;

  static void AddClient(Region& region, const std::shared_ptr<ClientMapping>& client);
  static void RemoveClient(Region& region, const std::shared_ptr<ClientMapping>& client);
  static size_t CountClients(Region& region) { return ClientsOf(region)->size(); }
  // Who waits in a client that was taken over asks again.
  static void WakeTakenOver(Region& region);
  // Waiters and poisoned pages of all clients; 0: nobody has to be looked at when pages settle.
  static std::atomic<uint32_t>& AttentionOf(Region& region);
  // Why a page failed.
  static Status FailureOf(Region& region, PageIndex page);

 private:
  struct Memory;
  using Clients = std::vector<std::shared_ptr<ClientMapping>>;

  static Memory& MemoryOf(Region& region);
  static std::shared_ptr<const Clients> ClientsOf(Region& region);
};

}  // namespace umap
