// The service of a host of this process; store_host_remote_linux.cc has the other kind.
#include "store/store_host_service.h"

#include <utility>

namespace umap {

namespace {

class LocalService final : public HostService {
 public:
  explicit LocalService(std::shared_ptr<StoreHost> host) : host_(std::move(host)) {}
  ~LocalService() override { Stop(); }

  Status Start(std::function<void()> wake) {
    return host_->Attach(HostArena::Kind::kPrivate, std::move(wake), &session_, &arena_);
  }

  bool TakeCall(HostCall* call) override { return host_->TakeCall(session_, call); }
  void Complete(uint64_t token, HostOutcome outcome, Status status) override {
    host_->Complete(token, outcome, std::move(status));
  }
  void Stop() override { host_->Detach(std::exchange(session_, 0)); }

 private:
  const std::shared_ptr<StoreHost> host_;
  StoreHost::Session session_ = 0;
};

}  // namespace

Status ServeLocally(std::shared_ptr<StoreHost> host, std::function<void()> wake,
                    std::shared_ptr<HostService>* service) {
  auto started = std::make_shared<LocalService>(std::move(host));
  const Status status = started->Start(std::move(wake));
  if (status.ok()) *service = std::move(started);
  return status;
}

}  // namespace umap
