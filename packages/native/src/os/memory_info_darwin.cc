// See memory_info.h. Compiled, but never run.
#include <mach/mach.h>
#include <sys/sysctl.h>

#include "os/memory_info.h"

namespace umap {

MemoryInfo ReadSystemMemory() {
  MemoryInfo info;
  size_t length = sizeof info.total_bytes;
  sysctlbyname("hw.memsize", &info.total_bytes, &length, nullptr, 0);
  vm_statistics64_data_t pages = {};
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  const mach_port_t host = mach_host_self();
  if (host_statistics64(host, HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&pages), &count) ==
      KERN_SUCCESS) {
    // What is inactive can be dropped or compressed.
    info.available_bytes =
        (uint64_t{pages.free_count} + pages.inactive_count) * uint64_t{vm_kernel_page_size};
  }
  mach_port_deallocate(mach_task_self(), host);
  return info;
}

}  // namespace umap
