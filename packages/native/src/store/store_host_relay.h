// Serves a store host of this process on behalf of the process that runs its stores: sends calls,
// and takes answers on a thread of its own. Calls are sent by the threads that submit them.
#pragma once

#include <memory>
#include <thread>

#include "os/status.h"
#include "os/unique_fd.h"
#include "store/store_host.h"

namespace umap {

// Thread rule: created and destroyed by one thread. Knows nothing of the other process's life: it
// serves until its socket's other end is closed.
class HostRelay {
 public:
  // Attaches to `host` and sends the other end over `link`. EBUSY: it is served already.
  static Status Start(std::shared_ptr<StoreHost> host, int link,
                      std::unique_ptr<HostRelay>* relay);
  // Detaches from the host, if the other end was not gone already.
  ~HostRelay();
  HostRelay(const HostRelay&) = delete;
  HostRelay& operator=(const HostRelay&) = delete;

 private:
  struct Channel;

  explicit HostRelay(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}
  static void SendCalls(StoreHost& host, Channel& channel);
  static void TakeAnswers(const std::shared_ptr<StoreHost>& host, Channel& channel);

  const std::shared_ptr<Channel> channel_;
  std::thread thread_;
};

}  // namespace umap
