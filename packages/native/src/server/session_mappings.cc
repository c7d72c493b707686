// See session.h: mappings, from their request to their end, and their way from one server to the
// next.
#include <errno.h>
#include <sys/epoll.h>

#include <utility>

#include "os/check.h"
#include "server/session.h"
#include "server/session_request.h"

namespace umap {

void Session::HandleMap(const wire::Header& header, std::span<const uint8_t> packet) {
  wire::Map map;
  if (!Read(packet, &map)) return;
  if (!faults_) return Drop("it maps, and brought no userfaultfd");
  const bool writable = map.access == wire::Access::kReadWrite;
  uint32_t number = 0;
  // Asked again: the server before has died before it could answer.
  for (const auto& [known, mapping] : mappings_) {
    if (taken_over_ && mapping.entry.request == header.request && mapping.entry.address == 0 &&
        mapping.entry.dataset == map.name && mapping.entry.writable == writable) {
      number = known;
    }
  }
  if (number == 0) {
    const Status status = NewMapping(map.name, writable, header.request, &number);
    if (!status.ok()) return AnswerDone(header.request, status);
  }
  const Dataset& dataset = *mappings_.at(number).dataset;
  UniqueFd pages;
  const Status status = OpenPages(dataset, writable, &pages);
  if (!status.ok()) return AnswerDone(header.request, status);
  Answer(header.request,
         wire::Mapped{number, dataset.byte_length, dataset.page_bytes, writable},
         std::move(pages));
}

// EACCES, ENOENT, EMFILE: as the message says.
Status Session::NewMapping(const std::string& name, bool writable, uint32_t request,
                           uint32_t* number) {
  const auto found = state_.datasets.find(name);
  if (found == state_.datasets.end()) {
    return Status::Fail(ENOENT, "the server has no data set " + Quoted(name));
  }
  Dataset& dataset = *found->second;
  const auto access = AllowedAccess(dataset.allow, peer_);
  if (!access) {
    return Status::Fail(EACCES, "user " + std::to_string(peer_.uid) +
                                    " may not use the data set " + Quoted(name));
  }
  if (writable && (!dataset.writable || *access == wire::Access::kReadOnly)) {
    return Status::Fail(EACCES, "the data set " + Quoted(name) + " is read-only" +
                                    (dataset.writable ? " for user " + std::to_string(peer_.uid)
                                                      : std::string()));
  }
  const uint32_t mappings_max = state_.options.limits.mappings_max;
  if (mappings_.size() >= mappings_max) {
    return Status::Fail(EMFILE, "the server lets a client have " + std::to_string(mappings_max) +
                                    " mappings");
  }
  const MappingEntry entry = {name, writable, 0, request};
  const Status status = PutMapping(next_mapping_, entry);
  if (!status.ok()) return status;
  *number = next_mapping_++;
  AddMapping(*number, dataset, entry);
  return Status::Ok();
}

void Session::AddMapping(uint32_t number, Dataset& dataset, const MappingEntry& entry) {
  Mapping& mapping = mappings_[number];
  mapping.dataset = &dataset;
  mapping.entry = entry;
  mapping.subscription =
      Subscribe(*dataset.region, [weak = weak_from_this(), number](const RegionEvent& event) {
        const auto self = weak.lock();
        if (!self) return;
        self->Answer(0, wire::Event{number, static_cast<uint8_t>(event.kind),
                                    {event.offset, event.byte_length}, event.budget_bytes,
                                    wire::OutcomeOf(event.status)});
      });
  pins_.Open(number, dataset.region);
}

void Session::HandleAttach(const wire::Header& header, std::span<const uint8_t> packet) {
  wire::Attach attach;
  if (!Read(packet, &attach)) return;
  Mapping* const mapping = FindMapping(attach.mapping);
  if (!mapping) return;
  // Asked again, as above.
  const bool is_known = mapping->entry.address == attach.address;
  if (taken_over_ && is_known && attach.address != 0) {
    return AnswerDone(header.request, Status::Ok());
  }
  if (mapping->entry.address != 0) return Drop("it attached a mapping twice");
  if (attach.address == 0) return Drop("it attached a mapping nowhere");
  const Status status = StartMonitor();
  if (!status.ok()) return AnswerDone(header.request, status);
  mapping->entry.address = attach.address;
  const auto request = std::make_shared<Request>(shared_from_this(), header.request);
  monitor_->Post([this, request, number = attach.mapping, dataset = mapping->dataset,
                  entry = mapping->entry] {
    request->Finish(AttachNow(number, *dataset, entry, false));
    return false;
  });
}

// On the monitor's thread.
Status Session::AttachNow(uint32_t number, const Dataset& dataset, const MappingEntry& entry,
                          bool taken_over) {
  ClientMappingOptions options;
  options.faults = faults_;
  options.address = entry.address;
  options.writable = entry.writable;
  options.taken_over = taken_over;
  options.client = id_;
  options.load = load_;
  options.on_failed = [weak = weak_from_this(), number, page_bytes = dataset.page_bytes](
                          PageIndex page, const Status& status) {
    const auto self = weak.lock();
    if (!self) return;
    self->Answer(0, wire::Failed{number, {page * page_bytes, page_bytes},
                                 wire::OutcomeOf(status)});
  };
  std::shared_ptr<ClientMapping> client;
  Status status;
  if (monitor_->Overlaps(entry.address, dataset.mapped_bytes())) {
    status = Status::Fail(EINVAL, "two mappings of the client overlap");
  } else {
    status = AttachClient(dataset.region, options, &client);
  }
  if (status.ok()) {
    monitor_->Add(number, client);
    // The client touches nothing before it has the answer.
    if (!taken_over) status = PutMapping(number, entry);
    if (!status.ok()) DetachClient(monitor_->Take(number), true);
  }
  state_.loop.Post([self = shared_from_this(), number, client, ok = status.ok()] {
    const auto found = self->mappings_.find(number);
    if (self->phase_ == Phase::kEnding || found == self->mappings_.end()) return;
    if (ok) found->second.client = client;
    if (!ok) found->second.entry.address = 0;
  });
  return status;
}

Status Session::PutMapping(uint32_t number, const MappingEntry& entry) {
  return state_.ledger->Put(MappingKey(id_, number), BytesOf(entry), {});
}

void Session::HandleDetach(const wire::Header& header, std::span<const uint8_t> packet) {
  wire::Detach detach;
  if (!Read(packet, &detach)) return;
  // Asked again, as above.
  if (taken_over_ && !mappings_.contains(detach.mapping)) {
    return AnswerDone(header.request, Status::Ok());
  }
  Mapping* const mapping = FindMapping(detach.mapping);
  if (!mapping) return;
  Unsubscribe(*mapping->dataset->region, mapping->subscription);
  Dataset* const dataset = mapping->dataset;
  const bool is_attached = mapping->entry.address != 0;
  mappings_.erase(detach.mapping);
  const auto request = std::make_shared<Request>(shared_from_this(), header.request);
  const auto finish = [this, request, number = detach.mapping] {
    pins_.Close(number);
    state_.ledger->Drop(MappingKey(id_, number));
    request->Finish(Status::Ok());
  };
  if (!is_attached) return finish();
  monitor_->Post([monitor = monitor_.get(), number = detach.mapping, dataset, finish] {
    const auto client = monitor->Take(number);
    if (client) {
      DetachClient(client, true);
      CountPastFaults(*dataset, *client);
    }
    finish();
    return false;
  });
}

Status Session::StartMonitor() {
  if (monitor_) return Status::Ok();
  FaultMonitor::Options options;
  options.faults = faults_;
  options.load = load_;
  options.faults_in_flight_max = state_.options.limits.faults_in_flight_max;
  // The monitor ends before the session does.
  options.on_moved = [this](uint32_t number, uint64_t address) {
    state_.loop.Post([self = shared_from_this(), number, address] {
      self->NoteMoved(number, address);
    });
  };
  options.on_broken = [this](const std::string& reason) { DropSoon(reason); };
  options.on_end = [self = shared_from_this()] { self->CleanUp(); };
  auto monitor = std::make_shared<FaultMonitor>(std::move(options));
  const Status status = monitor->Start();
  if (status.ok()) monitor_ = std::move(monitor);
  return status;
}

void Session::NoteMoved(uint32_t number, uint64_t address) {
  const auto found = mappings_.find(number);
  if (phase_ == Phase::kEnding || found == mappings_.end()) return;
  found->second.entry.address = address;
  const Status status = PutMapping(number, found->second.entry);
  if (!status.ok()) Drop("its mapping cannot be noted for the next server: " + status.message);
}

Status Session::TakeOver(UniqueFd faults, const std::map<uint32_t, MappingEntry>& mappings,
                         std::shared_ptr<void> hold) {
  taken_over_ = true;
  resumes_ = true;
  may_greet_again_ = true;
  Status status = ClientUserfaultfd::Adopt(std::move(faults), &faults_);
  if (!status.ok()) return status;
  load_ = std::make_shared<ClientLoad>();
  status = StartMonitor();
  if (!status.ok()) return status;
  for (const auto& [number, entry] : mappings) {
    Dataset& dataset = *state_.datasets.at(entry.dataset);
    AddMapping(number, dataset, entry);
    if (entry.address == 0) continue;
    monitor_->Post([this, number = number, entry = entry, &dataset, hold] {
      const Status attached = AttachNow(number, dataset, entry, true);
      if (!attached.ok()) DropSoon("its mapping cannot be taken over: " + attached.message);
      return false;
    });
  }
  phase_ = Phase::kServing;
  watch_events_ = EPOLLIN;
  watch_ = state_.loop.Watch(socket_.get(), watch_events_,
                             [this](uint32_t events) { OnSocket(events); });
  if (watch_ == 0) return Status::Fail(ENOMEM, "no memory to wait for a client");
  Answer(0, wire::Restarted{state_.generation});
  timer_ = state_.loop.After(state_.options.limits.resume_timeout_ms, [this] {
    Drop("it did not resume after the server was restarted");
  });
  return Status::Ok();
}

}  // namespace umap
