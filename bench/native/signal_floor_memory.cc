// The floor of the ways in which a fault is a signal: the touching thread's handler reads the page
// with pread and puts it in place, and remembers nothing. For programs with one thread that
// touches: the handler has one frame.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fail.h"
#include "memory.h"
#include "os/uffd_abi.h"
#include "pattern.h"

namespace umap::bench {
namespace {

enum class Answer : uint8_t { kCopy, kMove, kProtect };

// What the handler uses. Written before the first touch.
struct Floor {
  Answer answer = Answer::kCopy;
  bool bare = false;
  uint64_t bytes = 0;
  uint64_t page_bytes = 0;
  int file = -1;
  int uffd = -1;
  uint8_t* data = nullptr;
  // Where the page is read to: its place in another mapping, or frames that are used again (COPY)
  // or given away (MOVE).
  uint8_t* frames = nullptr;
};

Floor g_floor;

uint8_t* FrameOf(uint64_t offset) {
  return g_floor.answer == Answer::kCopy ? g_floor.frames : g_floor.frames + offset;
}

void PutInPlace(uint64_t offset, uint8_t* frame) {
  const auto to = reinterpret_cast<uint64_t>(g_floor.data + offset);
  const auto from = reinterpret_cast<uint64_t>(frame);
  switch (g_floor.answer) {
    case Answer::kCopy: {
      uffdio_copy copy = {to, from, g_floor.page_bytes, 0, 0};
      Must(ioctl(g_floor.uffd, UFFDIO_COPY, &copy), "UFFDIO_COPY");
      return;
    }
    case Answer::kMove: {
      uffdio_move move = {to, from, g_floor.page_bytes, 0, 0};
      Must(ioctl(g_floor.uffd, UFFDIO_MOVE, &move), "UFFDIO_MOVE");
      return;
    }
    case Answer::kProtect:
      Must(mprotect(g_floor.data + offset, g_floor.page_bytes, PROT_READ | PROT_WRITE),
           "mprotect");
  }
}

void HandleFault(int, siginfo_t* info, void*) {
  const uint64_t touched =
      reinterpret_cast<uint64_t>(info->si_addr) - reinterpret_cast<uint64_t>(g_floor.data);
  if (touched >= g_floor.bytes) Fail("a fault outside of the memory");
  const uint64_t offset = touched & ~(g_floor.page_bytes - 1);
  uint8_t* const frame = FrameOf(offset);
  if (g_floor.bare) {
    const uint64_t word = touched / kWordBytes;
    reinterpret_cast<uint64_t*>(frame)[word - offset / kWordBytes] = WordAt(word);
  } else {
    Must(pread(g_floor.file, frame, g_floor.page_bytes, static_cast<off_t>(offset)), "pread");
  }
  PutInPlace(offset, frame);
}

uint8_t* Map(int protection, int flags, int fd) {
  void* const memory = mmap(nullptr, g_floor.bytes, protection, flags | MAP_NORESERVE, fd, 0);
  if (memory == MAP_FAILED) Fail("mmap: %s", std::strerror(errno));
  return static_cast<uint8_t*>(memory);
}

// Anonymous memory whose faults raise SIGBUS, and frames beside it.
void MapInThread() {
  g_floor.uffd =
      static_cast<int>(Must(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY),
                            "userfaultfd"));
  const uint64_t move = g_floor.answer == Answer::kMove ? UFFD_FEATURE_MOVE : uint64_t{0};
  uffdio_api api = {UFFD_API, UFFD_FEATURE_SIGBUS | move, 0};
  Must(ioctl(g_floor.uffd, UFFDIO_API, &api), "UFFDIO_API");
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  g_floor.data = Map(PROT_READ | PROT_WRITE, flags, -1);
  g_floor.frames = Map(PROT_READ | PROT_WRITE, flags, -1);
  for (uint8_t* memory : {g_floor.data, g_floor.frames}) {
    Must(madvise(memory, g_floor.bytes, MADV_NOHUGEPAGE), "madvise");
  }
  uffdio_register range = {{reinterpret_cast<uint64_t>(g_floor.data), g_floor.bytes},
                           UFFDIO_REGISTER_MODE_MISSING, 0};
  Must(ioctl(g_floor.uffd, UFFDIO_REGISTER, &range), "UFFDIO_REGISTER");
}

// Shared memory that nobody may touch, and the same memory again, where a page is read to.
void MapSignal() {
  const int memory =
      static_cast<int>(Must(memfd_create("umap-bench-floor", MFD_CLOEXEC), "memfd_create"));
  Must(ftruncate(memory, static_cast<off_t>(g_floor.bytes)), "ftruncate");
  g_floor.data = Map(PROT_NONE, MAP_SHARED, memory);
  g_floor.frames = Map(PROT_READ | PROT_WRITE, MAP_SHARED, memory);
  close(memory);
}

// Lives as long as the process, since the handler does.
class SignalFloorMemory final : public Memory {
 public:
  uint8_t* data() const override { return g_floor.data; }
  // There is no buffer.
  void BeginRandom(uint64_t) override {}
  bool faults_are_signals() const override { return true; }
};

}  // namespace

std::unique_ptr<Memory> OpenSignalFloorMemory(const Options& options) {
  const std::string name = options.memory.substr(0, options.memory.find("-bare"));
  g_floor.bare = name != options.memory;
  g_floor.answer = name == "floor-signal"           ? Answer::kProtect
                   : name == "floor-in-thread-move" ? Answer::kMove
                                                    : Answer::kCopy;
  g_floor.bytes = options.file_bytes;
  g_floor.page_bytes = options.page_bytes;
  g_floor.file = Must(open(options.file.c_str(), O_RDONLY | O_CLOEXEC), "open");
  const bool protects = g_floor.answer == Answer::kProtect;
  if (protects) {
    MapSignal();
  } else {
    MapInThread();
  }
  struct sigaction action = {};
  action.sa_sigaction = HandleFault;
  action.sa_flags = SA_SIGINFO;
  Must(sigaction(protects ? SIGSEGV : SIGBUS, &action, nullptr), "sigaction");
  return std::make_unique<SignalFloorMemory>();
}

}  // namespace umap::bench
