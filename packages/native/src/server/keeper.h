// Keeps what one server leaves for the next: runs in the process that starts servers, which opens
// no data and so has no reason to die. One thread for each server answers its ledger.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "os/mutex.h"
#include "os/status.h"
#include "os/thread.h"
#include "os/unique_fd.h"
#include "os/unix_socket.h"
#include "server/ledger.h"
#include "server/ledger_wire.h"

namespace umap {

// Its methods belong to one thread.
class Keeper {
 public:
  Keeper() = default;
  // Ends the thread and lets go of everything that is kept.
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // The end of a new server, for OpenLedger there; what the server before still sends is ignored
  // from now on. The caller gives it to that process and closes its own.
  // REQUIRES: the server before is dead, or was never started.
  Status Renew(UniqueFd* server_end);
  // What is kept now, in order.
  std::vector<std::string> Keys() const;

 private:
  void EndLink();
  void Run(int link, uint32_t generation);
  // False: it makes no sense.
  bool Answer(int link, uint32_t generation, const LedgerMessage& request, ReceivedPacket& packet);
  void AnswerNext(int link, std::string_view behind);
  int Put(const LedgerMessage& request, ReceivedPacket& packet);

  UniqueFd link_;
  Thread thread_;
  uint32_t generation_ = 0;

  mutable Mutex mutex_;
  std::map<std::string, LedgerEntry, std::less<>> entries_ GUARDED_BY(mutex_);
};

}  // namespace umap
