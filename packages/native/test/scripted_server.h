// A server that does what a test says, message by message, and serves the pages of one data set
// from a memory file. It lives in the client's process, and is what no real server is on demand:
// silent, rude, dead at a certain moment, or replaced.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "os/check.h"
#include "os/uffd_abi.h"
#include "os/unix_socket.h"
#include "wire/message.h"

namespace umap::test {

constexpr uint64_t kScriptedPageBytes = 4096;
constexpr uint32_t kScriptedMapping = 5;

class ScriptedServer {
 public:
  explicit ScriptedServer(uint64_t pages = 8) : bytes_(pages * kScriptedPageBytes) {
    const char* const parent = getenv("TMPDIR");
    std::string folder = std::string(parent ? parent : "/tmp") + "/umap-server-XXXXXX";
    CHECK(mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    path_ = folder + "/socket";
    memory_.Reset(memfd_create("scripted", MFD_CLOEXEC));
    CHECK(memory_.valid() && ftruncate(memory_.get(), static_cast<off_t>(bytes_)) == 0);
    void* const mapped =
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
    CHECK(mapped != MAP_FAILED);
    alias_ = static_cast<uint8_t*>(mapped);
    Listen();
  }
  ~ScriptedServer() {
    StopServing();
    munmap(alias_, bytes_);
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  const std::string& path() const { return path_; }
  uint64_t bytes() const { return bytes_; }
  uint8_t* alias() const { return alias_; }
  uint64_t address() const { return address_; }

  void Listen() { CHECK(ListenUnix(path_, 0600, &listener_).ok()); }
  void StopListening() {
    listener_.Reset();
    unlink(path_.c_str());
  }
  void Hang() { socket_.Reset(); }

  void Accept() {
    pollfd ready = {listener_.get(), POLLIN, 0};
    CHECK(poll(&ready, 1, -1) == 1);
    int error = 0;
    CHECK(AcceptUnix(listener_.get(), &socket_, &error) == SocketOutcome::kDone);
  }

  // The next message that is no ping, which must be of that kind; pings are answered.
  template <typename Message>
  Message Expect(wire::Header* header = nullptr) {
    wire::Header own;
    wire::Header* const got = header ? header : &own;
    for (;;) {
      CHECK(Next(got));
      if (got->type != wire::MessageType::kPing) break;
      Send(got->request, wire::Pong{});
    }
    if (got->type != Message::kType) {
      fprintf(stderr, "expected %s, got %s\n", wire::NameOf(Message::kType),
              wire::NameOf(got->type));
      abort();
    }
    Message message;
    CHECK(wire::Decode<Message>(packet_.bytes, &message));
    return message;
  }
  // False: the client has closed its end.
  bool Next(wire::Header* header) {
    pollfd ready = {socket_.get(), POLLIN, 0};
    CHECK(poll(&ready, 1, -1) == 1);
    if (ReceivePacket(socket_.get(), false, buffer_, &packet_) != SocketOutcome::kDone) {
      return false;
    }
    CHECK(!packet_.truncated && wire::DecodeHeader(packet_.bytes, header));
    if (!packet_.fds.empty()) uffd_ = std::move(packet_.fds.front());
    return true;
  }
  bool HasMessage() const {
    pollfd ready = {socket_.get(), POLLIN, 0};
    return poll(&ready, 1, 0) != 0;
  }

  template <typename Message>
  void Send(uint32_t request, const Message& message, std::optional<int> fd = std::nullopt) {
    const wire::Bytes packet = wire::Encode(request, generation_, message);
    const int fds[] = {fd.value_or(-1)};
    CHECK(SendPacket(socket_.get(), packet, fd ? fds : std::span<const int>()) ==
          SocketOutcome::kDone);
  }
  void SendBytes(std::span<const uint8_t> bytes) {
    CHECK(SendPacket(socket_.get(), bytes, {}) == SocketOutcome::kDone);
  }
  void Done(uint32_t request, int error = 0, const std::string& message = {}) {
    Send(request, wire::Done{{error, false, message, {}}});
  }

  // The usual beginning: greeting, and one data set mapped.
  void Greet(uint32_t requests_max = 16) {
    Accept();
    wire::Header header;
    Expect<wire::Hello>(&header);
    Send(header.request, wire::Welcome{generation_, {64, requests_max, 64, 1 << 20}});
  }
  void Map(bool writable) {
    writable_ = writable;
    wire::Header header;
    Expect<wire::Map>(&header);
    Send(header.request, wire::Mapped{kScriptedMapping, bytes_, kScriptedPageBytes, writable},
         memory_.get());
    address_ = Expect<wire::Attach>(&header).address;
    uffdio_register request = {{address_, bytes_},
                               UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR, 0};
    if (writable) request.mode |= UFFDIO_REGISTER_MODE_WP;
    CHECK(ioctl(uffd_.get(), UFFDIO_REGISTER, &request) == 0);
    Done(header.request);
  }

  // A server that was started after this one's death.
  void Restart() {
    generation_ += 1;
    Send(0, wire::Restarted{generation_});
  }
  uint32_t generation() const { return generation_; }

  // Every page is `first_byte` plus its index. Read faults bring protected pages; a write fault on
  // one is left waiting where `keeps_protected`.
  void Serve(uint8_t first_byte, bool keeps_protected = false) {
    for (uint64_t page = 0; page < bytes_ / kScriptedPageBytes; page++) {
      memset(alias_ + page * kScriptedPageBytes, static_cast<int>(first_byte + page),
             kScriptedPageBytes);
    }
    serving_ = true;
    server_ = std::thread([this, keeps_protected] {
      while (serving_) {
        pollfd ready = {uffd_.get(), POLLIN, 0};
        if (poll(&ready, 1, 5) == 1) Answer(keeps_protected);
      }
    });
  }
  void StopServing() {
    serving_ = false;
    if (server_.joinable()) server_.join();
  }
  // Takes a page out of all mappings.
  void Punch(uint64_t page) const {
    CHECK(fallocate(memory_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    static_cast<off_t>(page * kScriptedPageBytes), kScriptedPageBytes) == 0);
  }
  void MapIn(uint64_t page, bool protect) const {
    uffdio_continue request = {{address_ + page * kScriptedPageBytes, kScriptedPageBytes},
                               protect && writable_ ? UFFDIO_CONTINUE_MODE_WP : 0ULL, 0};
    const int result = ioctl(uffd_.get(), UFFDIO_CONTINUE, &request);
    CHECK(result == 0 || errno == EEXIST);
  }
  // Waits until a thread of the client waits for a page, and leaves it waiting.
  void AwaitFault() const {
    pollfd ready = {uffd_.get(), POLLIN, 0};
    CHECK(poll(&ready, 1, -1) == 1);
  }

 private:
  void Answer(bool keeps_protected) {
    uffd_msg message;
    if (read(uffd_.get(), &message, sizeof message) != sizeof message) return;
    if (message.event != UFFD_EVENT_PAGEFAULT) return;
    const auto& fault = message.arg.pagefault;
    if (!(fault.flags & UFFD_PAGEFAULT_FLAG_WP)) {
      return MapIn((fault.address - address_) / kScriptedPageBytes, true);
    }
    if (keeps_protected) return;
    uffdio_writeprotect lift = {{fault.address & ~(kScriptedPageBytes - 1), kScriptedPageBytes}, 0};
    CHECK(ioctl(uffd_.get(), UFFDIO_WRITEPROTECT, &lift) == 0);
  }

  const uint64_t bytes_;
  std::string folder_;
  std::string path_;
  UniqueFd memory_;
  uint8_t* alias_ = nullptr;
  UniqueFd listener_;
  UniqueFd socket_;
  UniqueFd uffd_;
  uint64_t address_ = 0;
  bool writable_ = false;
  uint32_t generation_ = 1;
  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(wire::kPacketBytesMax);
  ReceivedPacket packet_;
  std::atomic<bool> serving_{false};
  std::thread server_;
};

}  // namespace umap::test
