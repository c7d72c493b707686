// What the tests of the server share: a server in this process over a scripted store, and clients
// that speak its protocol by hand, each with a userfaultfd of its own. Everything is given back at
// the end of a test, and no reply is waited for for ever.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "os/unix_socket.h"
#include "server/server.h"
#include "test/scripted_store.h"
#include "test/shared_fixture.h"
#include "wire/message.h"

namespace umap::test {

constexpr uint64_t kServedBytes = 1 << 20;
constexpr uint64_t kServedPageBytes = 4096;
constexpr const char* kServedName = "points";

// A directory for the time of a test.
class SocketDirectory {
 public:
  SocketDirectory() {
    char name[] = "/tmp/umap-server-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    name_ = name;
    // Others may connect, where the socket lets them.
    CHECK(chmod(name, 0755) == 0);
  }
  ~SocketDirectory() {
    unlink(path().c_str());
    rmdir(name_.c_str());
  }
  std::string path() const { return name_ + "/socket"; }

 private:
  std::string name_;
};

// Lines that a server logs: the first thousand, and how many clients it says it has dropped.
class LogLines {
 public:
  void Add(const std::string& line) {
    const std::lock_guard lock(mutex_);
    dropped_ += line.find(" dropped: ") != std::string::npos;
    if (lines_.size() < 1000) lines_.push_back(line);
  }
  uint64_t dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }
  uint64_t Count(const std::string& part) const {
    const std::lock_guard lock(mutex_);
    uint64_t count = 0;
    for (const std::string& line : lines_) count += line.find(part) != std::string::npos;
    return count;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
  uint64_t dropped_ = 0;
};

// One data set, "points", and whatever a test adds.
class TestServer {
 public:
  struct Options {
    ServerLimits limits = {};
    mode_t socket_mode = 0600;
    bool writable = true;
    uint64_t buffer_bytes = 16 << 20;
    std::vector<AllowRule> allow = DefaultAllowRules();
    ScriptedOptions store = {.blocking = true};
  };

  TestServer() : TestServer(Options()) {}
  explicit TestServer(const Options& options)
      : store_(std::make_shared<ScriptedStore>(kServedBytes, options.store)),
        buffer_(BufferOf(options.buffer_bytes)),
        region_(store_, kServedBytes, buffer_,
                {.page_bytes = kServedPageBytes, .writable = options.writable,
                 .read_ahead_pages_max = 0}) {
    ServerOptions server;
    server.socket_path = directory_.path();
    server.socket_mode = options.socket_mode;
    server.limits = options.limits;
    server.buffer = buffer_;
    server.log = [this](LogLevel, const std::string& line) { log_.Add(line); };
    server_ = Server::Create(std::move(server));
    DatasetOptions dataset;
    dataset.name = kServedName;
    dataset.region = region_.region();
    dataset.writable = options.writable;
    dataset.byte_length = kServedBytes;
    dataset.page_bytes = kServedPageBytes;
    dataset.pages = region_.pages().pages.get();
    dataset.allow = options.allow;
    CHECK(server_->AddDataset(dataset).ok());
    const Status status = server_->Start();
    if (!status.ok()) std::fprintf(stderr, "start: %s\n", status.message.c_str());
    CHECK(status.ok());
  }
  ~TestServer() {
    if (server_) CHECK(Close().ok());
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  Status Close() {
    const Status status = Await([&](Callback done) { server_->Close(std::move(done)); });
    server_.reset();
    return status;
  }

  Server& server() { return *server_; }
  ScriptedStore& store() { return *store_; }
  SharedRegion& region() { return region_; }
  const LogLines& log() const { return log_; }
  std::string path() const { return directory_.path(); }

 private:
  SocketDirectory directory_;
  LogLines log_;
  std::shared_ptr<ScriptedStore> store_;
  std::shared_ptr<PageBuffer> buffer_;
  SharedRegion region_;
  std::shared_ptr<Server> server_;
};

// A connection.
class RawClient {
 public:
  explicit RawClient(const std::string& path) {
    const Status status = ConnectUnix(path, true, &socket_);
    if (!status.ok()) std::fprintf(stderr, "connect: %s\n", status.message.c_str());
    CHECK(status.ok());
    const timeval patience = {20, 0};
    CHECK(setsockopt(socket(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
  }

  int socket() const { return socket_.get(); }
  uint32_t generation() const { return generation_; }
  void Disconnect() { socket_.Reset(); }

  // The number of the request; 0: the connection has ended.
  template <typename Message>
  uint32_t Send(const Message& message, int fd = -1) {
    const uint32_t request = next_request_++;
    const uint32_t generation = Message::kType == wire::MessageType::kHello ? 0 : generation_;
    return SendBytes(wire::Encode(request, generation, message), fd) ? request : 0;
  }
  // Waits while the socket is full.
  bool SendBytes(const wire::Bytes& bytes, int fd = -1) {
    for (;;) {
      const auto fds = fd < 0 ? std::span<const int>() : std::span<const int>(&fd, 1);
      switch (SendPacket(socket(), bytes, fds)) {
        case SocketOutcome::kDone: return true;
        case SocketOutcome::kGone: return false;
        case SocketOutcome::kWouldBlock: {
          pollfd wait = {socket(), POLLOUT, 0};
          poll(&wait, 1, -1);
        }
      }
    }
  }

  struct Packet {
    // False: the connection has ended.
    bool received = false;
    wire::Header header;
    wire::Bytes bytes;
    std::vector<UniqueFd> fds;
  };
  Packet Receive() {
    Packet packet;
    wire::Bytes buffer(wire::kPacketBytesMax);
    ReceivedPacket got;
    // An error that the server's end has left goes before what it has sent.
    for (int i = 0; i < 2 && !packet.received; i++) {
      packet.received = ReceivePacket(socket(), true, buffer, &got) == SocketOutcome::kDone;
    }
    if (!packet.received) return packet;
    CHECK(wire::DecodeHeader(got.bytes, &packet.header));
    packet.bytes.assign(got.bytes.begin(), got.bytes.end());
    packet.fds = std::move(got.fds);
    return packet;
  }
  // The answer to a request; notices before it are dropped.
  Packet ReceiveAnswer(uint32_t request) {
    for (;;) {
      Packet packet = Receive();
      if (!packet.received || packet.header.request == request) return packet;
    }
  }
  // The next message of this type, or false at the end of the connection.
  template <typename Message>
  bool ReceiveNotice(Message* message) {
    for (;;) {
      const Packet packet = Receive();
      if (!packet.received) return false;
      if (packet.header.type == Message::kType) return wire::Decode(packet.bytes, message);
    }
  }
  template <typename Message, typename Reply>
  bool Ask(const Message& message, Reply* reply, UniqueFd* fd = nullptr) {
    Packet packet = ReceiveAnswer(Send(message));
    if (!packet.received || packet.header.type != Reply::kType) return false;
    if (fd && !packet.fds.empty()) *fd = std::move(packet.fds[0]);
    return wire::Decode(packet.bytes, reply);
  }
  // What an operation came to; errno ECONNRESET where the connection ended.
  template <typename Message>
  Status Do(const Message& message) {
    wire::Done done;
    if (!Ask(message, &done)) return Status::Fail(ECONNRESET, "the connection has ended");
    return wire::StatusOf(done.outcome);
  }
  // Why the server has ended the connection; empty where it did without a word.
  std::string ReceiveGoodbye() {
    wire::Goodbye goodbye;
    return ReceiveNotice(&goodbye) ? goodbye.text : "";
  }

  bool Greet(int uffd) {
    const uint32_t flags = uffd < 0 ? wire::Hello::kStatOnly : 0;
    const Packet packet = ReceiveAnswer(Send(wire::Hello{flags}, uffd));
    if (!packet.received || packet.header.type != wire::MessageType::kWelcome) return false;
    if (!wire::Decode(packet.bytes, &welcome_)) return false;
    generation_ = welcome_.generation;
    return true;
  }
  const wire::Welcome& welcome() const { return welcome_; }
  void set_generation(uint32_t generation) { generation_ = generation; }

 private:
  UniqueFd socket_;
  uint32_t next_request_ = 1;
  uint32_t generation_ = 0;
  wire::Welcome welcome_;
};

// A client with its userfaultfd that has said hello, and with one mapping, where it has mapped.
class TestClient : public RawClient {
 public:
  explicit TestClient(const std::string& path) : RawClient(path), uffd_(OpenClientUserfaultfd()) {
    CHECK(uffd_.valid());
    CHECK(Greet(uffd_.get()));
  }
  TestClient(const std::string& path, bool writable) : TestClient(path) {
    const Status status = Map(writable);
    if (!status.ok()) std::fprintf(stderr, "map: %s\n", status.message.c_str());
    CHECK(status.ok());
  }
  ~TestClient() { UnmapAlone(); }

  Status Map(bool writable, const std::string& name = kServedName) {
    wire::Mapped mapped;
    UniqueFd pages;
    const auto access = writable ? wire::Access::kReadWrite : wire::Access::kReadOnly;
    Packet packet = ReceiveAnswer(Send(wire::Map{access, name}));
    if (!packet.received) return Status::Fail(ECONNRESET, "the connection has ended");
    if (packet.header.type == wire::MessageType::kDone) {
      wire::Done done;
      CHECK(wire::Decode(packet.bytes, &done));
      return wire::StatusOf(done.outcome);
    }
    CHECK(wire::Decode(packet.bytes, &mapped) && packet.fds.size() == 1);
    const uint64_t mask = mapped.page_bytes - 1;
    const uint64_t bytes = (mapped.byte_length + mask) & ~mask;
    void* const data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            writable ? MAP_SHARED : MAP_PRIVATE, packet.fds[0].get(), 0);
    CHECK(data != MAP_FAILED);
    CHECK(madvise(data, bytes, MADV_DONTFORK) == 0);
    if (data_) munmap(data_, bytes_);
    data_ = static_cast<uint8_t*>(data);
    bytes_ = bytes;
    number_ = mapped.mapping;
    pages_ = std::move(packet.fds[0]);
    return Do(wire::Attach{number_, reinterpret_cast<uint64_t>(data_)});
  }
  Status Unmap() {
    const Status status = Do(wire::Detach{number_});
    munmap(std::exchange(data_, nullptr), bytes_);
    return status;
  }

  int uffd() const { return uffd_.get(); }
  // As the server handed it out.
  int pages() const { return pages_.get(); }
  uint32_t number() const { return number_; }
  uint8_t* data() const { return data_; }
  volatile uint64_t& word(uint64_t offset) const {
    return reinterpret_cast<volatile uint64_t*>(data_)[offset / 8];
  }
  // Without the server, which may be gone: nobody reads events any more, and munmap waits for that.
  void UnmapAlone() {
    if (!data_) return;
    uffdio_range range = {reinterpret_cast<uint64_t>(data_), bytes_};
    (void)ioctl(uffd(), UFFDIO_UNREGISTER, &range);
    munmap(std::exchange(data_, nullptr), bytes_);
  }
  uint64_t Read(uint64_t offset) const { return word(offset); }
  Status Flush() { return Do(wire::Flush{number_, {0, bytes_}}); }
  // As mremap(2) does.
  void MoveAway() {
    void* const place = mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(place != MAP_FAILED);
    void* const moved = mremap(data_, bytes_, bytes_, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    CHECK(moved == place);
    data_ = static_cast<uint8_t*>(moved);
  }

 private:
  UniqueFd uffd_;
  UniqueFd pages_;
  uint32_t number_ = 0;
  uint8_t* data_ = nullptr;
  uint64_t bytes_ = 0;
};

// Waits until it is so, which something else brings about; ends the process where it never is.
inline void AwaitThat(const std::function<bool()>& is_so) {
  for (int i = 0; i < 20'000; i++) {
    if (is_so()) return;
    usleep(1000);
  }
  CHECK(false);
}

}  // namespace umap::test
