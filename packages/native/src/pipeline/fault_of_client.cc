// Fault, where another process touches: its monitor reads the message, and answers it here from
// what is resident; what is not is claimed and filled as ever, and the thread that waits is on its
// mapping's list until the page's word allows what it asks for. Runs on monitors: it must not wait
// for a store or for memory.
#include "mapper/client_mapping.h"
#include "os/clock.h"
#include "page/test_points.h"
#include "pipeline/pager.h"

namespace umap {
namespace {

bool IsPresent(PageState state) {
  return state == PageState::kClean || state == PageState::kDirtying ||
         state == PageState::kDirty || state == PageState::kWritingBack;
}

}  // namespace

void Pager::AnswerClientFault(ClientMapping& client, const ClientFault& fault) {
  Region& region = *client.region_;
  const uint64_t offset = fault.address - client.address();
  if (fault.address < client.address() || offset >= client.bytes()) {
    // It was moved meanwhile.
    client.options_.faults->Wake(fault.address & ~uint64_t{4095}, 4096);
    return;
  }
  TestPoint("fault-read");
  ClientWaiter waiter;
  waiter.page = static_cast<PageIndex>(offset >> region.page_shift);
  waiter.for_write = fault.is_write && client.writable();
  waiter.is_write_protected = fault.is_write_protected;
  waiter.started_ns = NowNs();
  client.faults_.fetch_add(1, std::memory_order_relaxed);
  region.counters.Add(Counter::kFaults);
  if (waiter.is_write_protected) region.counters.Add(Counter::kWriteProtectFaults);
  // 1. What is resident is mapped at once.
  const bool present = IsPresent(region.table[waiter.page].Load().state());
  if (present && AdmitClient(client, waiter)) {
    client.resident_faults_.fetch_add(1, std::memory_order_relaxed);
    client.NoteAnswered(waiter);
    region.counters.AddFaultLatency(NowNs() - waiter.started_ns);
    return;
  }
  // 2. What is not waits for somebody.
  const uint64_t thread = client.client() << 32 ^ static_cast<uint32_t>(fault.thread_id);
  const ReadAheadPlan plan = PlanAhead(region, waiter.page, thread);
  client.AddWaiter(waiter);
  TestPoint("before-await-page");
  AwaitClientPage(client, waiter);
  if (plan.fill_count > 0) FillAhead(region, plan);
}

// The page was present. False: its word does not allow yet what is asked for.
bool Pager::AdmitClient(ClientMapping& client, const ClientWaiter& waiter) {
  if (client.Give(waiter) == Given::kDone) return true;
  if (!waiter.for_write) return false;
  HandleWriteProtectFault(*client.region_, waiter.page);
  return client.Give(waiter) == Given::kDone;
}

// Sees to it that somebody serves the page's waiters, of whom this one is, from here on.
void Pager::AwaitClientPage(ClientMapping& client, const ClientWaiter& waiter) {
  Region& region = *client.region_;
  PageEntry& entry = region.table[waiter.page];
  const uint32_t wanted = kWanted | (waiter.for_write ? uint32_t{kWantedForWriting} : 0u);
  for (;;) {
    // In one order with the number of those who wait.
    PageWord word(entry.word.load());
    switch (word.state()) {
      case PageState::kAbsent:
      case PageState::kStandby: {
        Fill* const fill = ClaimFill(region, waiter.page, 1, FillCause::kFault);
        if (!fill) break;
        fill->for_write = waiter.for_write;
        fill->started_ns = waiter.started_ns;
        if (!StartFill(fill)) Post(fill);
        return;
      }
      case PageState::kFilling:
        if (entry.Replace(&word, word.With(wanted))) return;
        break;
      case PageState::kEvicting:
        if (entry.Replace(&word, word.With(kWaiters))) return;
        break;
      case PageState::kDirtying:
        if (waiter.for_write) return;
        client.Serve(waiter.page, 1);
        return;
      case PageState::kWritingBack:
        if (waiter.for_write && word.Has(kRewriting)) return;
        [[fallthrough]];
      default:
        if (waiter.for_write) HandleWriteProtectFault(region, waiter.page);
        client.Serve(waiter.page, 1);
        return;
    }
  }
}

}  // namespace umap
