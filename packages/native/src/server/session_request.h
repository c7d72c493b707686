// An operation of a client that is under way: holds its session, and counts for the client's limit
// and for the server's end, until it is answered or will not be. Moves between threads.
#pragma once

#include <cstdint>
#include <memory>

#include "server/session.h"

namespace umap {

class Session::Request {
 public:
  Request(std::shared_ptr<Session> session, uint32_t number);
  ~Request();
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  Session& session() const { return *session_; }
  // At most once.
  void Finish(const Status& status);

 private:
  std::shared_ptr<Session> session_;
  const uint32_t number_;
};

}  // namespace umap
