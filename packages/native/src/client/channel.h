// The conversation with one server: requests and their answers, over one server's death and the
// next one's beginning. One thread receives, in Run(); anybody asks. A request that is unanswered
// when a new server takes over is asked again.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "client/silence.h"
#include "os/mutex.h"
#include "os/status.h"
#include "os/unix_socket.h"
#include "wire/message.h"

namespace umap {

// What the server says without having been asked. Runs on the receiving thread.
class Notices {
 public:
  virtual ~Notices() = default;
  virtual void OnEvent(const wire::Event& event) = 0;
  virtual void OnFailed(const wire::Failed& failed) = 0;
  // A new server has taken over. Ends with Channel::GoOn.
  virtual void OnRestarted(uint32_t generation) = 0;
};

// How a request ended. `status` says whether there was an answer; the packet and what came with it
// are there where it was no Done.
struct Answer {
  Status status;
  wire::MessageType type = wire::MessageType::kDone;
  std::span<const uint8_t> packet;
  UniqueFd fd;
};

struct ChannelOptions {
  UniqueFd socket;
  // As users know it.
  std::string path;
  uint32_t generation = 0;
  // Requests that the server takes before it has answered.
  uint32_t requests_max = 0;
  std::chrono::nanoseconds silence_max{};
};

// What is done with a request whose server died before it answered.
enum class AfterRestart : uint8_t {
  kAskAgain,
  // It holds for the next server without being asked.
  kDone,
};

class Channel {
 public:
  // Runs once, on the receiving thread; or at once on the caller's, where the server is gone.
  using OnAnswer = std::function<void(Answer& answer)>;

  Channel(ChannelOptions options, Notices& notices);

  // The receiving thread: returns when the conversation is over, with the reason; an error of
  // kServerGone, or success after End(). The server notices that too.
  Status Run();
  // Any thread: nothing more is asked or heard.
  void End();
  // Fails what is unanswered, and from now on everything at once.
  void Fail(const Status& status);

  template <typename Message>
  void Ask(Message message, OnAnswer on_answer, AfterRestart after = AfterRestart::kAskAgain) {
    AskEncoded(
        [message = std::move(message)](uint32_t request, uint32_t generation) {
          return wire::Encode(request, generation, message);
        },
        std::move(on_answer), after);
  }
  // The same, and waits; the server's own "no" is an error too. `answered`, if given, takes what is
  // in an answer that is no Done.
  template <typename Message>
  Status AskAndWait(Message message, const OnAnswer& answered = {}) {
    return Await([&](OnAnswer on_answer) { Ask(std::move(message), std::move(on_answer)); },
                 answered, kForEver);
  }
  // The same, for so long at most: ETIMEDOUT. A late answer is lost.
  template <typename Message>
  Status AskAndWaitFor(std::chrono::nanoseconds time, Message message, const OnAnswer& answered) {
    return Await([&](OnAnswer on_answer) { Ask(std::move(message), std::move(on_answer)); },
                 answered, time);
  }

  // From OnRestarted: asks the new server for `pins` first, then says that this is all, then asks
  // what is unanswered.
  void GoOn(uint32_t generation, const std::vector<wire::Pin>& pins, const OnAnswer& pinned);

  uint32_t generation() const;
  // From now on the server counts as gone after so much silence.
  void SetSilenceMax(std::chrono::nanoseconds silence_max);

 private:
  using EncodeFor = std::function<wire::Bytes(uint32_t request, uint32_t generation)>;
  static constexpr std::chrono::nanoseconds kForEver = std::chrono::nanoseconds::max();
  // In the place of a request in the queue: a notice, Resumed.
  static constexpr uint32_t kResumed = 0;

  struct Request {
    EncodeFor encode;
    OnAnswer on_answer;
    AfterRestart after = AfterRestart::kAskAgain;
    bool is_sent = false;
  };

  void AskEncoded(EncodeFor encode, OnAnswer on_answer, AfterRestart after);
  static Status Await(const std::function<void(OnAnswer)>& ask, const OnAnswer& answered,
                      std::chrono::nanoseconds time);
  uint32_t Add(Request request) REQUIRES(mutex_);
  // Sends what may be sent.
  void Pump() REQUIRES(mutex_);
  void Interrupt() const;

  // The receiving thread.
  Status Converse();
  Status ReceiveAll(bool* heard);
  Status Receive(ReceivedPacket packet);
  Status ReceiveAnswer(const wire::Header& header, ReceivedPacket packet);
  Status ReceiveNotice(const wire::Header& header, std::span<const uint8_t> packet);
  void SendPing();
  Status Gone(const std::string& why) const;
  Status Nonsense(const wire::Header& header) const;

  const std::string path_;
  const UniqueFd socket_;
  const UniqueFd interrupt_;
  const uint32_t in_flight_max_;
  Notices& notices_;
  std::vector<uint8_t> buffer_;

  mutable Mutex mutex_;
  uint32_t generation_ GUARDED_BY(mutex_);
  std::chrono::nanoseconds silence_max_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
  // Success while the server is there.
  Status failed_ GUARDED_BY(mutex_);
  uint32_t last_request_ GUARDED_BY(mutex_) = 0;
  // Unanswered ones, in the order in which they were asked.
  std::map<uint32_t, Request> requests_ GUARDED_BY(mutex_);
  std::deque<uint32_t> unsent_ GUARDED_BY(mutex_);
  uint32_t in_flight_ GUARDED_BY(mutex_) = 0;
  // The socket takes no more for the moment.
  bool is_full_ GUARDED_BY(mutex_) = false;
};

// The errno of "the server is gone": no store and no system call of ours ends with it.
constexpr int kServerGone = ENONET;

}  // namespace umap
