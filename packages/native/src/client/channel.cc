// See channel.h.
#include "client/channel.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "os/check.h"
#include "os/clock.h"

namespace umap {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Of the requests that the server takes, those that pings and their like keep free.
constexpr uint32_t kRequestsSpared = 2;

// Request numbers come round; an answer to one of long ago names nothing.
bool IsNotice(const wire::Header& header) { return header.request == 0; }

int PollMilliseconds(nanoseconds time) {
  return static_cast<int>(std::chrono::ceil<milliseconds>(time).count());
}

std::string Seconds(nanoseconds time) {
  const auto whole = std::chrono::duration_cast<milliseconds>(time).count();
  return whole % 1000 == 0 ? std::to_string(whole / 1000) + " s" : std::to_string(whole) + " ms";
}

}  // namespace

Channel::Channel(ChannelOptions options, Notices& notices)
    : path_(std::move(options.path)),
      socket_(std::move(options.socket)),
      interrupt_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      in_flight_max_(options.requests_max > kRequestsSpared ? options.requests_max - kRequestsSpared
                                                            : 1),
      notices_(notices),
      buffer_(wire::kPacketBytesMax),
      generation_(options.generation),
      silence_max_(options.silence_max) {
  CHECK(interrupt_.valid());
}

uint32_t Channel::generation() const {
  MutexLock lock(mutex_);
  return generation_;
}

void Channel::SetSilenceMax(nanoseconds silence_max) {
  MutexLock lock(mutex_);
  silence_max_ = silence_max;
  Interrupt();
}

void Channel::End() {
  MutexLock lock(mutex_);
  ended_ = true;
  Interrupt();
}

void Channel::Interrupt() const {
  const uint64_t one = 1;
  // Full: the thread is going to look anyway.
  [[maybe_unused]] const ssize_t written = write(interrupt_.get(), &one, sizeof one);
}

// Asking ------------------------------------------------------------------------------------------

void Channel::AskEncoded(EncodeFor encode, OnAnswer on_answer, AfterRestart after) {
  Answer answer;
  {
    MutexLock lock(mutex_);
    answer.status = failed_;
    if (failed_.ok()) {
      unsent_.push_back(Add({std::move(encode), std::move(on_answer), after}));
      Pump();
      if (is_full_) Interrupt();
      return;
    }
  }
  on_answer(answer);
}

Status Channel::Await(const std::function<void(OnAnswer)>& ask, const OnAnswer& answered,
                      nanoseconds time) {
  struct Waiting {
    Mutex mutex;
    CondVar changed;
    bool done = false;
    bool given_up = false;
    Status status;
  };
  const auto waiting = std::make_shared<Waiting>();
  // An answer that nobody waits for any more must not reach what the caller has on its stack.
  ask([waiting, &answered](Answer& answer) {
    MutexLock lock(waiting->mutex);
    if (!waiting->given_up && answer.status.ok() && answered) answered(answer);
    waiting->status = answer.status;
    waiting->done = true;
    waiting->changed.NotifyAll();
  });
  const int64_t until_ns = time == kForEver ? INT64_MAX : NowNs() + time.count();
  MutexLock lock(waiting->mutex);
  while (!waiting->done) {
    const int64_t left_ns = until_ns == INT64_MAX ? INT64_MAX : until_ns - NowNs();
    if (left_ns <= 0) {
      waiting->given_up = true;
      return Status::Retry(ETIMEDOUT, "the server has not answered in time");
    }
    if (left_ns == INT64_MAX) {
      waiting->changed.Wait(waiting->mutex);
    } else {
      waiting->changed.WaitFor(waiting->mutex, nanoseconds(left_ns));
    }
  }
  return waiting->status;
}

uint32_t Channel::Add(Request request) {
  // 0 is a notice.
  do {
    last_request_ += 1;
  } while (last_request_ == 0 || requests_.contains(last_request_));
  requests_.emplace(last_request_, std::move(request));
  return last_request_;
}

void Channel::Pump() {
  is_full_ = false;
  while (!unsent_.empty() && in_flight_ < in_flight_max_) {
    const uint32_t number = unsent_.front();
    const auto found = requests_.find(number);
    if (number != kResumed && found == requests_.end()) {
      unsent_.pop_front();
      continue;
    }
    const wire::Bytes packet = number == kResumed
                                   ? wire::Encode(0, generation_, wire::Resumed{})
                                   : found->second.encode(number, generation_);
    const SocketOutcome outcome = SendPacket(socket_.get(), packet, {});
    is_full_ = outcome == SocketOutcome::kWouldBlock;
    // Where the other end is gone, the receiving thread finds out.
    if (outcome != SocketOutcome::kDone) return;
    unsent_.pop_front();
    if (number == kResumed) continue;
    found->second.is_sent = true;
    in_flight_ += 1;
  }
}

void Channel::GoOn(uint32_t generation, const std::vector<wire::Pin>& pins,
                   const OnAnswer& pinned) {
  std::vector<OnAnswer> done;
  {
    MutexLock lock(mutex_);
    generation_ = generation;
    in_flight_ = 0;
    // 1. What need not be asked again.
    for (auto entry = requests_.begin(); entry != requests_.end();) {
      if (entry->second.after == AfterRestart::kDone) {
        done.push_back(std::move(entry->second.on_answer));
        entry = requests_.erase(entry);
      } else {
        entry->second.is_sent = false;
        ++entry;
      }
    }
    // 2. In this order.
    std::deque<uint32_t> unanswered;
    for (const auto& [number, request] : requests_) unanswered.push_back(number);
    unsent_.clear();
    for (const wire::Pin& pin : pins) {
      auto encode = [pin](uint32_t request, uint32_t now) {
        return wire::Encode(request, now, pin);
      };
      // Should this server die too, they are collected anew.
      unsent_.push_back(Add({std::move(encode), pinned, AfterRestart::kDone}));
    }
    unsent_.push_back(kResumed);
    unsent_.insert(unsent_.end(), unanswered.begin(), unanswered.end());
    Pump();
  }
  for (const OnAnswer& on_answer : done) {
    Answer answer;
    on_answer(answer);
  }
}

void Channel::Fail(const Status& status) {
  std::map<uint32_t, Request> requests;
  {
    MutexLock lock(mutex_);
    failed_ = status;
    requests.swap(requests_);
    unsent_.clear();
  }
  for (auto& [number, request] : requests) {
    Answer answer;
    answer.status = status;
    request.on_answer(answer);
  }
}

// Receiving ---------------------------------------------------------------------------------------

Status Channel::Run() {
  const Status over = Converse();
  shutdown(socket_.get(), SHUT_RDWR);
  return over;
}

Status Channel::Converse() {
  Silence silence(std::chrono::nanoseconds::zero());
  for (;;) {
    pollfd ready[] = {{socket_.get(), POLLIN, 0}, {interrupt_.get(), POLLIN, 0}};
    {
      MutexLock lock(mutex_);
      if (ended_) return Status::Ok();
      if (is_full_) ready[0].events |= POLLOUT;
      silence.SetLimit(silence_max_);
    }
    // 1. Wait.
    const int64_t before_ns = NowNs();
    const int polled = poll(ready, 2, PollMilliseconds(silence.NextWait()));
    if (polled > 0 && ready[1].revents != 0) {
      uint64_t count;
      [[maybe_unused]] const ssize_t got = read(interrupt_.get(), &count, sizeof count);
    }
    // 2. Hear all there is before the server is blamed.
    bool heard = false;
    const Status over = ReceiveAll(&heard);
    if (!over.ok()) return over;
    if (heard) {
      silence.Heard();
    } else {
      switch (silence.Waited(nanoseconds(NowNs() - before_ns))) {
        case Silence::Verdict::kWait: break;
        case Silence::Verdict::kAsk: SendPing(); break;
        case Silence::Verdict::kGone: {
          MutexLock lock(mutex_);
          return Gone("did not come back within " + Seconds(silence_max_));
        }
      }
    }
    // 3. Say what waits to be said.
    MutexLock lock(mutex_);
    Pump();
  }
}

// A server that is gone, or stopped, does not read it; then it is asked all the same.
void Channel::SendPing() {
  MutexLock lock(mutex_);
  last_request_ += last_request_ == UINT32_MAX ? 2 : 1;
  SendPacket(socket_.get(), wire::Encode(last_request_, generation_, wire::Ping{}), {});
}

Status Channel::ReceiveAll(bool* heard) {
  for (;;) {
    ReceivedPacket packet;
    switch (ReceivePacket(socket_.get(), false, buffer_, &packet)) {
      case SocketOutcome::kWouldBlock: return Status::Ok();
      case SocketOutcome::kGone: return Gone("has ended");
      case SocketOutcome::kDone: break;
    }
    *heard = true;
    const Status status = Receive(std::move(packet));
    if (!status.ok()) return status;
  }
}

Status Channel::Receive(ReceivedPacket packet) {
  wire::Header header;
  if (packet.truncated || !wire::DecodeHeader(packet.bytes, &header)) return Nonsense(header);
  return IsNotice(header) ? ReceiveNotice(header, packet.bytes)
                          : ReceiveAnswer(header, std::move(packet));
}

Status Channel::ReceiveAnswer(const wire::Header& header, ReceivedPacket packet) {
  Answer answer;
  answer.type = header.type;
  answer.packet = packet.bytes;
  if (!packet.fds.empty()) answer.fd = std::move(packet.fds.front());
  if (header.type == wire::MessageType::kDone) {
    wire::Done done;
    if (!wire::Decode(packet.bytes, &done)) return Nonsense(header);
    answer.status = wire::StatusOf(done.outcome);
  }
  OnAnswer on_answer;
  {
    MutexLock lock(mutex_);
    const auto found = requests_.find(header.request);
    // Answered by the server before already, or a pong.
    if (found == requests_.end()) return Status::Ok();
    if (found->second.is_sent) in_flight_ -= 1;
    on_answer = std::move(found->second.on_answer);
    requests_.erase(found);
  }
  on_answer(answer);
  return Status::Ok();
}

Status Channel::ReceiveNotice(const wire::Header& header, std::span<const uint8_t> packet) {
  switch (header.type) {
    case wire::MessageType::kEvent: {
      wire::Event event;
      if (!wire::Decode(packet, &event)) return Nonsense(header);
      notices_.OnEvent(event);
      return Status::Ok();
    }
    case wire::MessageType::kFailed: {
      wire::Failed failed;
      if (!wire::Decode(packet, &failed)) return Nonsense(header);
      notices_.OnFailed(failed);
      return Status::Ok();
    }
    case wire::MessageType::kRestarted: {
      wire::Restarted restarted;
      if (!wire::Decode(packet, &restarted)) return Nonsense(header);
      notices_.OnRestarted(restarted.generation);
      return Status::Ok();
    }
    case wire::MessageType::kGoodbye: {
      wire::Goodbye goodbye;
      if (!wire::Decode(packet, &goodbye)) return Nonsense(header);
      const bool in_order = goodbye.reason == wire::GoodbyeReason::kClosing;
      return Gone((in_order ? "has closed" : "has dropped this client") +
                  (goodbye.text.empty() ? std::string() : ": " + goodbye.text));
    }
    default:
      return Nonsense(header);
  }
}

Status Channel::Gone(const std::string& why) const {
  return Status::Fail(kServerGone, "the server at " + path_ + " " + why);
}

Status Channel::Nonsense(const wire::Header& header) const {
  return Gone(std::string("does not speak our protocol: a message of the kind '") +
              wire::NameOf(header.type) + "' makes no sense");
}

}  // namespace umap
