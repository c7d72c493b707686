// See thread.h.
#include "os/thread.h"

#include <signal.h>

#include <memory>
#include <utility>

#include "os/check.h"
#include "os/thread_self.h"

namespace umap {
namespace {

struct Beginning {
  const char* name;
  std::function<void()> function;
};

void* Run(void* argument) {
  std::unique_ptr<Beginning> beginning(static_cast<Beginning*>(argument));
  NameThisThread(beginning->name);
  beginning->function();
  return nullptr;
}

Status Create(const char* name, std::function<void()> function, pthread_t* id) {
  auto beginning = std::make_unique<Beginning>(Beginning{name, std::move(function)});
  // A thread inherits the mask of the one that creates it.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(id, nullptr, Run, beginning.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) return SystemError(error, std::string("cannot start the thread ") + name);
  beginning.release();
  return Status::Ok();
}

}  // namespace

Status Thread::Start(const char* name, std::function<void()> function, Thread* thread) {
  CHECK(!thread->joinable_);
  Status status = Create(name, std::move(function), &thread->id_);
  thread->joinable_ = status.ok();
  return status;
}

Status Thread::StartDetached(const char* name, std::function<void()> function) {
  pthread_t id;
  Status status = Create(name, std::move(function), &id);
  if (status.ok()) pthread_detach(id);
  return status;
}

Thread::~Thread() { CHECK(!joinable_); }

Thread::Thread(Thread&& other) noexcept { *this = std::move(other); }

Thread& Thread::operator=(Thread&& other) noexcept {
  CHECK(!joinable_);
  id_ = other.id_;
  joinable_ = std::exchange(other.joinable_, false);
  return *this;
}

void Thread::Join() {
  CHECK(joinable_);
  pthread_join(id_, nullptr);
  joinable_ = false;
}

}  // namespace umap
