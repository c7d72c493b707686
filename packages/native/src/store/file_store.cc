// The calls of the file store, each on the thread that submits it. Nothing here takes a lock or
// keeps state between calls, save for what file_holes and file_sync say.
#include "store/file_store.h"

#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <span>
#include <utility>
#include <vector>

#include "os/file_calls.h"
#include "store/file_holes.h"
#include "store/file_io.h"
#include "store/file_open.h"
#include "store/file_sync.h"

namespace umap {

namespace {

// From 256 KiB on, reads are no faster, and faults would wait longer behind them; writes gain
// until 1 MiB.
constexpr uint64_t kCallBytesMax = 1 << 20;
// A disk wants more calls at once than the page cache, which reads ahead by itself.
constexpr uint32_t kConcurrencyMaxBuffered = 8;
constexpr uint32_t kConcurrencyMaxDirect = 16;

constexpr size_t kZeroBytes = 4096;
alignas(4096) const char kZeros[kZeroBytes] = {};

class FileStore final : public Store {
 public:
  FileStore(const FileStoreOptions& options, OpenedFile file);

  const StoreTraits& traits() const override { return traits_; }
  const std::string& label() const override { return label_; }
  TryReadOutcome TryRead(uint64_t offset, void* target, uint64_t byte_length,
                         MayWait may_wait) override;
  void Submit(StoreCall* call) override;

 private:
  StoreResult Read(const StoreCall& call);
  Status Write(uint64_t offset, std::span<const iovec> iovecs, uint64_t byte_length);
  Status Discard(uint64_t offset, uint64_t byte_length);
  Status WriteZeros(uint64_t offset, uint64_t byte_length);

  TransferResult TransferRange(TransferKind kind, std::span<const iovec> iovecs, uint64_t offset,
                               uint64_t byte_length);
  uint64_t DirectPrefixBytes(std::span<const iovec> iovecs, uint64_t offset) const;

  bool InRange(uint64_t offset, uint64_t byte_length) const;
  Status Check(const StoreCall& call) const;
  // A sentence's beginning: which call on which bytes of which store.
  std::string Describe(const char* verb, uint64_t offset, uint64_t byte_length) const;
  Status Truncated(uint64_t now_bytes, const std::string& what) const;

  const std::string label_;
  StoreTraits traits_;
  const OpenedFile file_;
  FileHoles holes_;
  FileSync sync_;
  // Cleared by the first answer that this kernel or file system cannot read without waiting.
  std::atomic<bool> reads_nowait_ = true;
};

FileStore::FileStore(const FileStoreOptions& options, OpenedFile file)
    : label_(options.label),
      file_(std::move(file)),
      holes_(file_.buffered.get(), file_.stat, file_.own_offset) {
  const uint32_t concurrency = options.direct ? kConcurrencyMaxDirect : kConcurrencyMaxBuffered;
  traits_.byte_length = options.byte_length;
  traits_.writable = options.writable;
  traits_.concurrency_max = options.concurrency_max > 0 ? options.concurrency_max : concurrency;
  traits_.call_bytes_max = options.call_bytes_max > 0 ? options.call_bytes_max : kCallBytesMax;
  traits_.blocking = true;
  traits_.can_discard = options.writable;
  traits_.direct = options.direct;
}

TryReadOutcome FileStore::TryRead(uint64_t offset, void* target, uint64_t byte_length,
                                  MayWait may_wait) {
  if (!InRange(offset, byte_length)) return TryReadOutcome::kWouldBlock;
  if (byte_length == 0) return TryReadOutcome::kDone;
  if (holes_.IsHole(offset, byte_length)) return TryReadOutcome::kHole;
  const iovec iov = {target, byte_length};
  if (may_wait == MayWait::kYes) {
    const TransferResult result =
        TransferRange(TransferKind::kRead, {&iov, 1}, offset, byte_length);
    const bool whole = result.error == 0 && result.byte_length == byte_length;
    return whole ? TryReadOutcome::kDone : TryReadOutcome::kWouldBlock;
  }
  if (traits_.direct || !reads_nowait_.load(std::memory_order_relaxed)) {
    return TryReadOutcome::kWouldBlock;
  }
  const ssize_t moved = ReadWithoutWaiting(file_.buffered.get(), iov, offset);
  if (moved >= 0 && static_cast<uint64_t>(moved) == byte_length) return TryReadOutcome::kDone;
  if (moved < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
    reads_nowait_.store(false, std::memory_order_relaxed);
  }
  return TryReadOutcome::kWouldBlock;
}

void FileStore::Submit(StoreCall* call) {
  StoreResult result;
  result.status = Check(*call);
  if (result.status.ok()) {
    switch (call->op) {
      case StoreOp::kRead:
        result = Read(*call);
        break;
      case StoreOp::kWrite:
        result.status = Write(call->offset, call->iovecs, call->byte_length);
        break;
      case StoreOp::kFlush:
        result.status = sync_.Sync(file_.buffered.get(), label_);
        break;
      case StoreOp::kDiscard:
        result.status = Discard(call->offset, call->byte_length);
        break;
    }
  }
  // The call may be gone after this.
  call->Done(std::move(result));
}

StoreResult FileStore::Read(const StoreCall& call) {
  if (call.byte_length == 0) return {};
  if (holes_.IsHole(call.offset, call.byte_length)) return {Status::Ok(), true};

  const TransferResult result =
      TransferRange(TransferKind::kRead, call.iovecs, call.offset, call.byte_length);
  if (result.error == 0 && result.byte_length == call.byte_length) return {};
  const std::string what = Describe("read", call.offset, call.byte_length);
  if (result.error != 0) return {SystemError(result.error, what)};

  // The file ended early. Its size now tells for how long that will be so.
  uint64_t now_bytes = 0;
  const Status status = FileBytes(file_.buffered.get(), label_, &now_bytes);
  if (!status.ok()) return {status};
  if (now_bytes < call.offset + call.byte_length) return {Truncated(now_bytes, what)};
  return {Status::Retry(EIO, what + " ended early")};
}

Status FileStore::Write(uint64_t offset, std::span<const iovec> iovecs, uint64_t byte_length) {
  if (byte_length == 0) return Status::Ok();
  // Another process may truncate the file between this look and the write; nothing can prevent it.
  uint64_t now_bytes = 0;
  const Status status = FileBytes(file_.buffered.get(), label_, &now_bytes);
  if (!status.ok()) return status;
  if (now_bytes < offset + byte_length) {
    return Truncated(now_bytes, Describe("write", offset, byte_length));
  }

  const TransferResult result = TransferRange(TransferKind::kWrite, iovecs, offset, byte_length);
  if (result.byte_length > 0) sync_.NoteWrite();
  if (result.error != 0) {
    return SystemError(result.error, Describe("write", offset, byte_length));
  }
  if (result.byte_length == byte_length) return Status::Ok();
  return Status::Retry(EIO, Describe("write", offset, byte_length) + " ended early");
}

Status FileStore::Discard(uint64_t offset, uint64_t byte_length) {
  if (byte_length == 0) return Status::Ok();
  const int error = holes_.Punch(offset, byte_length);
  if (error == EOPNOTSUPP) return WriteZeros(offset, byte_length);
  if (error != 0) return SystemError(error, Describe("discard", offset, byte_length));
  sync_.NoteWrite();
  return Status::Ok();
}

Status FileStore::WriteZeros(uint64_t offset, uint64_t byte_length) {
  // One block of zeros, named as often as a call takes it; writes never change it.
  std::vector<iovec> iovecs;
  for (uint64_t done = 0; done < byte_length;) {
    const uint64_t call_bytes = std::min<uint64_t>(byte_length - done, kCallBytesMax);
    iovecs.clear();
    for (uint64_t at = 0; at < call_bytes; at += kZeroBytes) {
      iovecs.push_back({const_cast<char*>(kZeros), std::min<size_t>(call_bytes - at, kZeroBytes)});
    }
    const Status status = Write(offset + done, iovecs, call_bytes);
    if (!status.ok()) return status;
    done += call_bytes;
  }
  return Status::Ok();
}

// What is aligned goes past the page cache, the rest through it. The kernel keeps the two coherent
// as long as they are not under way at once on the same cached page: a direct read writes dirty
// cached pages out first, a direct write drops cached ones. They never are, since a block is at
// least such a page, and the engine has one call a page under way.
TransferResult FileStore::TransferRange(TransferKind kind, std::span<const iovec> iovecs,
                                        uint64_t offset, uint64_t byte_length) {
  IovecCursor cursor(iovecs);
  const uint64_t direct_bytes = std::min(DirectPrefixBytes(iovecs, offset), byte_length);
  if (direct_bytes > 0) {
    const TransferResult result = Transfer(kind, file_.direct.get(), &cursor, offset, direct_bytes,
                                           file_.block_bytes);
    if (result.error != 0 || result.byte_length < direct_bytes) return result;
  }
  TransferResult rest = Transfer(kind, file_.buffered.get(), &cursor, offset + direct_bytes,
                                 byte_length - direct_bytes);
  rest.byte_length += direct_bytes;
  return rest;
}

// How many bytes from the start of the range O_DIRECT takes: up to the first memory or length that
// is not aligned, which is the tail of the store.
uint64_t FileStore::DirectPrefixBytes(std::span<const iovec> iovecs, uint64_t offset) const {
  if (!file_.direct || offset % file_.block_bytes != 0) return 0;
  uint64_t bytes = 0;
  for (const iovec& iov : iovecs) {
    if (reinterpret_cast<uintptr_t>(iov.iov_base) % file_.memory_bytes != 0) break;
    const uint64_t unaligned = iov.iov_len % file_.block_bytes;
    bytes += iov.iov_len - unaligned;
    if (unaligned != 0) break;
  }
  return bytes;
}

bool FileStore::InRange(uint64_t offset, uint64_t byte_length) const {
  return offset <= traits_.byte_length && byte_length <= traits_.byte_length - offset;
}

Status FileStore::Check(const StoreCall& call) const {
  if (call.op == StoreOp::kFlush) return Status::Ok();
  if (!InRange(call.offset, call.byte_length)) {
    return Status::Fail(EINVAL, Describe("call", call.offset, call.byte_length) +
                                    " goes past the store's end");
  }
  if (call.op == StoreOp::kRead || traits_.writable) return Status::Ok();
  return Status::Fail(EROFS, label_ + " is open for reading only");
}

std::string FileStore::Describe(const char* verb, uint64_t offset, uint64_t byte_length) const {
  return std::string(verb) + " of " + std::to_string(byte_length) + " bytes at offset " +
         std::to_string(offset) + " of " + label_;
}

Status FileStore::Truncated(uint64_t now_bytes, const std::string& what) const {
  return Status::Fail(ENODATA, label_ + " was truncated to " + std::to_string(now_bytes) +
                                   " bytes while it is mapped; " + what + " failed");
}

}  // namespace

std::shared_ptr<Store> OpenFileStore(const FileStoreOptions& options, Status* status) {
  OpenedFile file;
  *status = OpenAnew(options.fd, {options.label, options.writable, options.direct}, &file);
  uint64_t file_bytes = 0;
  if (status->ok()) *status = FileBytes(file.buffered.get(), options.label, &file_bytes);
  if (status->ok() && file_bytes < options.byte_length) {
    *status = Status::Fail(EINVAL, options.label + " has " + std::to_string(file_bytes) +
                                       " bytes, the store wants " +
                                       std::to_string(options.byte_length));
  }
  if (!status->ok()) return nullptr;
  return std::make_shared<FileStore>(options, std::move(file));
}

}  // namespace umap
