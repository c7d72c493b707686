// See shared_memory.h. memfd_create(2), proc(5).
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "os/shared_memory.h"

namespace umap {
namespace {

// The kernel's default of vm.max_map_count, where it cannot be read.
constexpr uint64_t kMappingsMaxDefault = 65530;

}  // namespace

Status CreateSharedMemory(const char* name, uint64_t bytes, UniqueFd* memory) {
  UniqueFd result(memfd_create(name, MFD_CLOEXEC));
  if (!result) return SystemError(errno, "memfd_create");
  if (bytes > 0 && ftruncate(result.get(), static_cast<off_t>(bytes)) != 0) {
    return SystemError(errno, std::to_string(bytes) + " bytes of shared memory");
  }
  *memory = std::move(result);
  return Status::Ok();
}

Status CreateSealedMemory(const char* name, uint64_t bytes, UniqueFd* memory) {
  UniqueFd created(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!created || ftruncate(created.get(), static_cast<off_t>(bytes)) != 0 ||
      fcntl(created.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return SystemError(errno, "making shared memory of " + std::to_string(bytes) + " bytes");
  }
  *memory = std::move(created);
  return Status::Ok();
}

uint64_t MappingsLeft() {
  uint64_t limit = 0;
  if (!(std::ifstream("/proc/sys/vm/max_map_count") >> limit)) limit = kMappingsMaxDefault;
  std::ifstream maps("/proc/self/maps");
  uint64_t taken = 0;
  for (std::string line; std::getline(maps, line);) taken++;
  return limit > taken ? limit - taken : 0;
}

}  // namespace umap
