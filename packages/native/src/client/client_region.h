// A data set of a server as a region of this process: its memory is ours, its pages are the
// server's. Any thread; callbacks run on the connection's receiving thread, or at once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/client_memory.h"
#include "client/connection.h"
#include "engine/mapped_region.h"
#include "os/mutex.h"
#include "wire/message.h"

namespace umap {

class ClientRegion final : public MappedRegion,
                           public std::enable_shared_from_this<ClientRegion> {
 public:
  // `label` names the data set and its server in messages.
  ClientRegion(std::shared_ptr<Connection> connection, uint32_t mapping, bool writable,
               uint64_t byte_length, uint64_t page_bytes, std::string label);

  uint8_t* data() const override { return memory_.data(); }
  void Prefault(std::vector<ByteRange> ranges, Callback done) override;
  void Flush(ByteRange range, Callback done) override;
  void Evict(ByteRange range, Callback done) override;
  void Discard(ByteRange range, Callback done) override;
  Status Pin(ByteRange range) override;
  void Unpin(ByteRange range) override;
  // The last ones that are known, where the server does not answer soon.
  RegionStats Stats() override;
  uint64_t Subscribe(EventSink sink) override;
  void Unsubscribe(uint64_t subscription) override;
  void Close(Callback done) override;

  uint32_t mapping() const { return mapping_; }
  const std::string& label() const { return label_; }
  ClientMemory& memory() { return memory_; }

  // For the connection, on its receiving thread.
  void Tell(const RegionEvent& event);
  // The server cannot fill a part that a thread of ours waits for.
  void Fail(ByteRange range, const Status& status);
  void AddPins(std::vector<wire::Pin>* pins) const;

 private:
  using Range = std::pair<uint64_t, uint64_t>;

  void Poison(ByteRange pages);
  void EndUnpin();
  uint64_t PinnedBytes() const;
  template <typename Request>
  void AskRange(ByteRange range, Callback done);
  // The pages of a range in which a prefault has succeeded may be touched again.
  Status Heal(const std::vector<ByteRange>& ranges);
  ByteRange WholePages(ByteRange range) const;
  void Detach(Callback done);
  void Unmap();

  const std::shared_ptr<Connection> connection_;
  const uint32_t mapping_;
  const bool writable_;
  const uint64_t byte_length_;
  const uint64_t page_bytes_;
  const std::string label_;
  ClientMemory memory_;

  // Ranges and how often each is pinned. Guarded by the connection's pins_mutex_.
  std::map<Range, uint32_t> pins_;

  Mutex mutex_;
  CondVar unpinned_;
  // Unpins that the server has not answered, and what waits for that.
  uint32_t unpinning_ GUARDED_BY(mutex_) = 0;
  std::vector<std::function<void()>> after_unpinning_ GUARDED_BY(mutex_);
  std::map<uint64_t, EventSink> sinks_ GUARDED_BY(mutex_);
  uint64_t last_sink_ GUARDED_BY(mutex_) = 0;
  RegionStats last_stats_ GUARDED_BY(mutex_);
  // A failure that cannot be helped was told: the next close ends the region all the same.
  bool failure_told_ GUARDED_BY(mutex_) = false;
  // Pages that raise errors, by offset.
  std::set<uint64_t> failed_ GUARDED_BY(mutex_);
};

}  // namespace umap
