// What a server notes outside its process, so that the next one can take over when it dies: bytes
// and descriptors under a key. Any thread.
//
//   listener          listening socket
//   dataset/NAME      pages memfd, states memfd; geometry
//   client/N          socket, userfaultfd
//   mapping/N/M       data set, address, whether it is writable
#pragma once

#include <cstdint>
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
  virtual ~Ledger() = default;

  // Which server this is: 1, or one more than the last one.
  virtual uint32_t generation() const = 0;

  // Notes an entry, instead of the one that the key has. Returns when it is sure to outlive this
  // process; the descriptors stay the caller's. At most two of them, and 4 KiB of bytes.
  virtual Status Put(const std::string& key, std::span<const uint8_t> bytes,
                     std::span<const int> fds) = 0;
  // Forgets an entry, if there is one. Does not wait; what is put later comes later.
  virtual void Drop(const std::string& key) = 0;

  // What the last server noted under keys that begin with `prefix`, sorted by key. Each entry is
  // given away once, and stays noted until it is dropped or replaced.
  virtual std::vector<LedgerEntry> Take(const std::string& prefix) = 0;
};

// One that notes nothing, for a server that nobody starts again.
std::shared_ptr<Ledger> NullLedger();

}  // namespace umap
