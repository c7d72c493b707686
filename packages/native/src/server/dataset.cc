// See dataset.h.
#include "server/dataset.h"

#include <errno.h>
#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "os/futex.h"
#include "wire/protocol.h"

namespace umap {
namespace {

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

Status Duplicate(int fd, UniqueFd* copy) {
  copy->Reset(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  return *copy ? Status::Ok() : SystemError(errno, "duplicating the memory of a data set");
}

}  // namespace

bool IsDatasetName(std::string_view name) {
  return !name.empty() && name.size() <= wire::kNameBytesMax &&
         std::none_of(name.begin(), name.end(), IsControl);
}

std::string Quoted(std::string_view name) {
  constexpr size_t kShown = 64;
  std::string quoted = "\"";
  for (const char c : name.substr(0, kShown)) quoted += IsControl(c) ? '?' : c;
  return quoted + (name.size() > kShown ? "...\"" : "\"");
}

Status MakeDataset(const DatasetOptions& options, std::unique_ptr<Dataset>* dataset) {
  if (!IsDatasetName(options.name)) {
    return Status::Fail(EINVAL, "the name of a data set has 1 to 255 bytes and no control "
                                "characters, unlike " + Quoted(options.name));
  }
  auto made = std::make_unique<Dataset>();
  const Status status = Duplicate(options.pages, &made->pages.pages);
  if (!status.ok()) return status;
  made->name = options.name;
  made->region = options.region;
  made->writable = options.writable;
  made->byte_length = options.byte_length;
  made->page_bytes = options.page_bytes;
  made->allow = options.allow;
  *dataset = std::move(made);
  return Status::Ok();
}

Status OpenPages(const Dataset& dataset, bool writable, UniqueFd* pages) {
  return writable ? Duplicate(dataset.pages.pages.get(), pages)
                  : ReopenForReading(dataset.pages, pages);
}

Status FlushAndWait(const Dataset& dataset) {
  Status outcome;
  std::atomic<uint32_t> done{0};
  Flush(dataset.region, {0, dataset.byte_length}, [&](const Status& status) {
    outcome = status;
    done.store(1);
    FutexWakeAll(done);
  });
  while (done.load() == 0) FutexWait(done, 0);
  return outcome;
}

}  // namespace umap
