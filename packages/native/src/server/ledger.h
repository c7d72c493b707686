// What a server notes outside its process, so that the next one can take over when it dies: bytes
// and descriptors under a key. Kept by the process that started it; where there is none, a null
// ledger takes everything and keeps nothing. Any thread.
//
//   listener          listening socket
//   dataset/NAME      pages memfd, states memfd; geometry
//   client/N          socket, userfaultfd
//   mapping/N/M       data set, address, whether it is writable
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "os/status.h"
#include "os/unique_fd.h"

namespace umap {

struct LedgerEntry {
  std::string key;
  std::vector<uint8_t> bytes;
  std::vector<UniqueFd> fds;
};

class Ledger {
 public:
  static constexpr size_t kKeyBytesMax = 1024;
  static constexpr size_t kBytesMax = 4 << 10;
  static constexpr size_t kDescriptorsMax = 2;

  virtual ~Ledger() = default;

  // Which server this is: 1, or one more than the last one.
  virtual uint32_t generation() const = 0;

  // Notes an entry, instead of the one that the key has. Returns when it is sure to outlive this
  // process; the descriptors stay the caller's. ECONNRESET: who keeps it is gone. EMFILE: that one
  // has no descriptor left.
  virtual Status Put(const std::string& key, std::span<const uint8_t> bytes,
                     std::span<const int> fds) = 0;
  // Forgets an entry, if there is one.
  virtual void Drop(const std::string& key) = 0;

  // What the last server noted under keys that begin with `prefix`, sorted by key. Each entry is
  // given away once, and stays noted until it is dropped or replaced.
  virtual std::vector<LedgerEntry> Take(const std::string& prefix) = 0;
  // The same for one entry, of exactly this key. False: there is none.
  virtual bool TakeOne(const std::string& key, LedgerEntry* entry);
};

// One that notes nothing, for a server that nobody starts again.
std::shared_ptr<Ledger> NullLedger();

// The ledger at the other end of `socket`, which a Keeper made. `on_gone` is called once, on a
// thread of the ledger's own, when the keeping process is gone: nobody will start another server.
// EINVAL: that is no such socket. EPROTO: the keeper is of another version.
Status OpenLedger(UniqueFd socket, std::function<void()> on_gone, std::shared_ptr<Ledger>* ledger);

}  // namespace umap
