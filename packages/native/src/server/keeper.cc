// See keeper.h.
#include "server/keeper.h"

#include <errno.h>
#include <sys/socket.h>

#include <utility>

#include "store/store_host_wire.h"

namespace umap {

Keeper::~Keeper() { EndLink(); }

void Keeper::EndLink() {
  if (!thread_.joinable()) return;
  // Its thread sees the end; the descriptor stays until it has.
  shutdown(link_.get(), SHUT_RDWR);
  thread_.Join();
  link_.Reset();
}

Status Keeper::Renew(UniqueFd* server_end) {
  EndLink();
  UniqueFd theirs;
  Status status = CreateSocketPair(&link_, &theirs);
  if (!status.ok()) return status;
  generation_ += 1;
  status = Thread::Start(
      "umap-keeper",
      [this, link = link_.get(), generation = generation_] { Run(link, generation); }, &thread_);
  if (status.ok()) *server_end = std::move(theirs);
  return status;
}

std::vector<std::string> Keeper::Keys() const {
  MutexLock lock(mutex_);
  std::vector<std::string> keys;
  for (const auto& [key, entry] : entries_) keys.push_back(key);
  return keys;
}

void Keeper::Run(int link, uint32_t generation) {
  std::vector<uint8_t> room = LedgerPacketRoom();
  for (;;) {
    ReceivedPacket packet;
    LedgerMessage request;
    if (!ReceiveLedgerMessage(link, room, &packet, &request)) break;
    if (!Answer(link, generation, request, packet)) break;
  }
  // Whoever is there still shall not wait for an answer.
  shutdown(link, SHUT_RDWR);
}

// A server that does not take its answers is of no use: that they are lost is not looked at, since
// one that lives has room for the one answer that it waits for.
bool Keeper::Answer(int link, uint32_t generation, const LedgerMessage& request,
                    ReceivedPacket& packet) {
  const auto done = [link](uint64_t number) {
    SendLedgerMessage(link, {LedgerVerb::kDone, number, {}, {}});
  };
  switch (request.verb) {
    case LedgerVerb::kBegin:
      done(request.number == kLedgerVersion ? generation : 0);
      return true;
    case LedgerVerb::kNext:
      AnswerNext(link, request.key);
      return true;
    case LedgerVerb::kPut:
      done(static_cast<uint64_t>(Put(request, packet)));
      return true;
    case LedgerVerb::kDrop: {
      LedgerEntry dropped;
      {
        MutexLock lock(mutex_);
        const auto found = entries_.find(request.key);
        if (found != entries_.end()) {
          dropped = std::move(found->second);
          entries_.erase(found);
        }
      }
      // Closing the last descriptor of much memory takes its time: nothing is locked meanwhile.
      dropped.fds.clear();
      done(0);
      return true;
    }
    default:
      return false;
  }
}

void Keeper::AnswerNext(int link, std::string_view behind) {
  MutexLock lock(mutex_);
  const auto found = behind.empty() ? entries_.begin() : entries_.upper_bound(behind);
  if (found == entries_.end()) {
    SendLedgerMessage(link, {LedgerVerb::kNoEntry, 0, {}, {}});
    return;
  }
  const LedgerEntry& entry = found->second;
  std::vector<int> fds;
  for (const UniqueFd& fd : entry.fds) fds.push_back(fd.get());
  SendLedgerMessage(link, {LedgerVerb::kEntry, 0, entry.key, entry.bytes}, fds);
}

// An errno, or 0.
int Keeper::Put(const LedgerMessage& request, ReceivedPacket& packet) {
  // This process had no descriptor left for what came.
  if (packet.truncated) return EMFILE;
  LedgerEntry entry = {std::string(request.key),
                       {request.bytes.begin(), request.bytes.end()},
                       std::move(packet.fds)};
  {
    MutexLock lock(mutex_);
    std::swap(entries_[std::string(request.key)], entry);
  }
  // What was replaced is closed here.
  return 0;
}

}  // namespace umap
