// A server as this process knows it: the connection, the userfaultfd whose faults the server
// answers, and the regions that were mapped through it. Where the server is gone for good, it ends
// the waiting of this process's threads with an error. Any thread, unless said otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/channel.h"
#include "client/own_faults.h"
#include "engine/mapped_region.h"
#include "os/mutex.h"
#include "os/status.h"

namespace umap {

class ClientRegion;

struct ConnectOptions {
  std::string path;
  // How long to try to connect, and how long a server may say nothing before it counts as gone.
  std::chrono::milliseconds server_timeout{30'000};
  OwnFaultsOptions faults;
};

// What a data set turned out to be. `region` is nullptr where it has no bytes.
struct MappedDataset {
  std::shared_ptr<MappedRegion> region;
  uint64_t byte_length = 0;
  uint64_t page_bytes = 0;
};

class Connection : public std::enable_shared_from_this<Connection>, private Notices {
 public:
  // Waits while the server is being started again, for the limit at most.
  static Status Connect(const ConnectOptions& options, std::shared_ptr<Connection>* connection);
  // The statistics of a server, as JSON. Fails at once where there is none, and after `limit`.
  static Status ServerStats(const std::string& path, std::chrono::milliseconds limit,
                            std::string* json);
  ~Connection() override;

  FaultMode mode() const { return faults_->mode(); }
  const std::string& path() const { return path_; }

  // Waits for the server. ENOENT: there is no such data set; EACCES, EROFS: not for this client.
  Status Map(const std::string& name, bool writable, MappedDataset* mapped);
  // Nothing is mapped any more; the connection ends with its last region.
  void Release();

  // The end of the process. From now on a server that says nothing is not waited for.
  static void BeginExit();
  // After BeginExit: a server is gone, and a thread that waits for its pages would wait for ever.
  static bool IsExitHeldUp();
  static bool HaveAny();
  // No thread runs JavaScript any more: fails what waits for servers, in which nothing is lost.
  static void FinishExit();

 private:
  friend class ClientRegion;

  Connection(const ConnectOptions& options, std::shared_ptr<OwnFaults> faults,
             ChannelOptions channel);

  void OnEvent(const wire::Event& event) override;
  void OnFailed(const wire::Failed& failed) override;
  void OnRestarted(uint32_t generation) override;

  Status Start();
  void EndIfUnused();
  Status MapOnce(const std::string& name, bool writable, MappedDataset* mapped);
  void Receive();
  void AnswerOwnFaults();
  bool GiveUp(uint64_t address);

  // Of ClientRegion.
  Status Attach(const std::shared_ptr<ClientRegion>& region);
  void Forget(uint32_t mapping);
  std::shared_ptr<ClientRegion> Find(uint32_t mapping) const;
  std::vector<std::shared_ptr<ClientRegion>> Regions() const;

  const std::string path_;
  const std::shared_ptr<OwnFaults> faults_;
  const std::chrono::nanoseconds silence_max_;
  Channel channel_;
  // Orders changes of regions' pins and the requests that go with them against a restart.
  // Taken before the channel's own.
  Mutex pins_mutex_;

  mutable Mutex mutex_;
  // Wakes the thread that answers faults itself.
  const UniqueFd changed_;
  bool released_ GUARDED_BY(mutex_) = false;
  bool gone_ GUARDED_BY(mutex_) = false;
  // From before the server knows the mapping's address, until nothing of it is left.
  std::map<uint32_t, std::shared_ptr<ClientRegion>> regions_ GUARDED_BY(mutex_);
};

// Runs what waits, or takes long, for clients.
Status RunClientJob(std::function<void()> job);

}  // namespace umap
