// Regions whose pages other processes map: what a server of pages needs of the engine. The bytes
// and the words of the pages lie in two memory files, which can outlive the process: a region that
// is opened over files of a process that died goes on where that one stopped. Clients map the first
// file, and hand their userfaultfd over. See docs/page-states.md, "Pages that clients share".
//
// To take a dead server's region over: OpenRegion with `clients_follow`; AttachClient with
// `taken_over` for each mapping there still is; EndTakeOver; and ReleaseInheritedPins, when those
// clients have pinned again what they want pinned.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/engine.h"
#include "mapper/client_mapping.h"

namespace umap {

// Owned by whoever keeps them; OpenRegion makes descriptors of its own.
struct SharedPages {
  // Sealed: nobody can change its length. Clients get this one; those that only read, reopened.
  UniqueFd pages;
  // The server's own.
  UniqueFd states;
  // Clients of a dead server still have pages mapped: what they wrote is not written back before
  // EndTakeOver.
  bool clients_follow = false;
};

Status CreateSharedPages(uint64_t byte_length, uint64_t page_bytes, SharedPages* shared);
// The pages for a client that only reads: what it gets cannot be mapped for writing by others, nor
// reopened so by users other than this process's own.
Status ReopenForReading(const SharedPages& shared, UniqueFd* pages);

// Lets a client in that has mapped the pages: all of them, from `options.address` on. Registers the
// memory, unless it was taken over; then its events are being read already, for while one waits its
// memory cannot be changed. EINVAL: the client or its memory is not what it must be.
// REQUIRES: the region was opened over SharedPages, and stays open until DetachClient.
Status AttachClient(const std::shared_ptr<Region>& region, const ClientMappingOptions& options,
                    std::shared_ptr<ClientMapping>* client);
// No right is given from here on, and no call on the client's memory is under way on return.
// `client_lives`: its memory is unregistered, and its threads are woken. REQUIRES: no call of
// AnswerClientFault or MapIntoClient is under way for it. Once.
void DetachClient(const std::shared_ptr<ClientMapping>& client, bool client_lives);

// Answers one fault inside the mapping, or sees to it that it will be. Called by the client's
// monitor; does not wait for a store, nor for memory.
void AnswerClientFault(ClientMapping& client, const ClientFault& fault);
// The client has moved its mapping, whole.
void MoveClient(ClientMapping& client, uint64_t address);
// The client has unmapped a part of it, or dropped its pages.
void ForgetClientRange(ClientMapping& client, uint64_t offset, uint64_t bytes);
// Maps what is resident, so that touching it is no fault; what is pinned, for writing too, where
// the client may write. For use after a prefault or a pin.
void MapIntoClient(ClientMapping& client, ByteRange range);

// Every client of the dead server was attached, or is dead too, and their monitors know their
// mappings: whoever waits in one reports again, so faults that were read before are forgotten. That
// is where write-backs begin.
void EndTakeOver(const std::shared_ptr<Region>& region);
// Takes back the pins of the dead server that nobody has repeated.
void ReleaseInheritedPins(const std::shared_ptr<Region>& region);

}  // namespace umap
