// See blocked_threads.h. /proc/self/task.
#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "pipeline/blocked_threads.h"

namespace umap {
namespace {

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

BlockedThreads FindBlockedThreads(const WaitingTouches& touches) {
  BlockedThreads blocked;
  DIR* const tasks = opendir("/proc/self/task");
  if (!tasks) return blocked;
  while (const dirent* task = readdir(tasks)) {
    if (task->d_name[0] == '.') continue;
    const std::string directory = std::string("/proc/self/task/") + task->d_name;
    const bool worker = FirstLine(directory + "/comm").starts_with("libuv-worker");
    blocked.libuv_workers_total += worker;
    const bool in_handler = touches.Has(std::atoi(task->d_name));
    if (!in_handler && FirstLine(directory + "/wchan") != "handle_userfault") continue;
    if (task->d_name == std::to_string(getpid())) {
      blocked.main = true;
    } else if (worker) {
      blocked.libuv_workers++;
    } else {
      blocked.others++;
    }
  }
  closedir(tasks);
  return blocked;
}

}  // namespace umap
