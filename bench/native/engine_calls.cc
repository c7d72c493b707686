// See engine_calls.h.
#include "engine_calls.h"

#include <fcntl.h>

#include <condition_variable>
#include <mutex>

#include "fail.h"
#include "os/unique_fd.h"
#include "store/file_store.h"

namespace umap::bench {

void Await(const char* what, const std::function<void(Callback)>& start) {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  start([&](Status status) {
    if (!status.ok()) Fail("%s: %s", what, status.message.c_str());
    const std::lock_guard lock(mutex);
    done = true;
    changed.notify_all();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return done; });
}

std::shared_ptr<Store> OpenStore(const Options& options) {
  const int flags = (options.writable ? O_RDWR : O_RDONLY) | O_CLOEXEC;
  const UniqueFd fd(Must(open(options.file.c_str(), flags), options.file.c_str()));
  FileStoreOptions with;
  with.fd = fd.get();
  with.direct = options.direct;
  with.byte_length = options.file_bytes;
  with.writable = options.writable;
  with.label = "the data file";
  Status status;
  std::shared_ptr<Store> store = OpenFileStore(with, &status);
  if (!status.ok()) Fail("%s", status.message.c_str());
  return store;
}

std::shared_ptr<Region> OpenOrFail(const RegionOptions& options) {
  std::shared_ptr<Region> region;
  const Status status = OpenRegion(options, &region);
  if (!status.ok()) Fail("%s", status.message.c_str());
  return region;
}

}  // namespace umap::bench
