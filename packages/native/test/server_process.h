// A server of pages as a process of its own, which a test can kill at any moment: everything that
// outlives it is the test's, which is also its client. See test/programs/page_server.cc.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "os/check.h"
#include "os/unique_fd.h"
#include "test/shared_fixture.h"

namespace umap::test {

struct ServerOptions {
  uint64_t page_bytes = 4096;
  uint64_t budget_pages = 1024;
  int64_t read_ahead_pages = 0;
  // The clients are those of a server that is dead.
  bool follow = false;
};

class ServerProcess {
 public:
  ServerProcess(const SharedPages& pages, const DataFile& file,
                const std::vector<ClientMemory*>& clients, const ServerOptions& options) {
    char self[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self);
    CHECK(length > 0);
    std::string program(self, static_cast<size_t>(length));
    program = program.substr(0, program.rfind('/')) + "/page_server";
    std::vector<int> kept = {pages.pages.get(), pages.states.get(), file.fd()};
    std::vector<std::string> words = {program};
    for (const int fd : kept) words.push_back(std::to_string(fd));
    words.push_back(std::to_string(options.page_bytes));
    words.push_back(std::to_string(options.budget_pages));
    words.push_back(std::to_string(options.read_ahead_pages));
    words.push_back(options.follow ? "1" : "0");
    for (const ClientMemory* client : clients) {
      kept.push_back(client->uffd());
      words.push_back(std::to_string(client->uffd()) + ":" + std::to_string(client->address()) +
                      ":" + (client->writable() ? "1" : "0"));
    }
    Spawn(program, words, kept);
    Expect("ready");
  }
  ~ServerProcess() {
    if (pid_ > 0) Kill();
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  void Tell(const std::string& line) {
    const std::string text = line + "\n";
    CHECK(write(in_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  void Expect(const std::string& line) {
    const std::string got = ReadLine();
    if (got != line) std::printf("the server says '%s', not '%s'\n", got.c_str(), line.c_str());
    CHECK(got == line);
  }
  // Tells it, and waits until it has done so.
  void Do(const std::string& line) {
    Tell(line);
    Expect("ok 0");
  }
  void Kill() {
    CHECK(kill(pid_, SIGKILL) == 0);
    CHECK(waitpid(pid_, nullptr, 0) == pid_);
    pid_ = -1;
  }
  void Close() {
    Do("close");
    int status = 0;
    CHECK(waitpid(pid_, &status, 0) == pid_);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    pid_ = -1;
  }

 private:
  void Spawn(const std::string& program, const std::vector<std::string>& words,
             const std::vector<int>& kept) {
    int in[2], out[2];
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO) == 0);
    // The same number: it is not closed.
    for (const int fd : kept) CHECK(posix_spawn_file_actions_adddup2(&actions, fd, fd) == 0);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    CHECK(posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    in_.Reset(in[1]);
    out_.Reset(out[0]);
  }

  std::string ReadLine() {
    std::string line;
    for (char byte = 0;;) {
      const ssize_t count = read(out_.get(), &byte, 1);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0 || byte == '\n') return line;
      line += byte;
    }
  }

  pid_t pid_ = -1;
  UniqueFd in_, out_;
};

}  // namespace umap::test
