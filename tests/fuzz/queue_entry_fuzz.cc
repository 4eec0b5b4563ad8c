// What postqueue prints and what lies in Sendmail's queue directory is anybody's: a sender chooses
// addresses, a server the reasons. Whatever it is, it becomes an entry or none.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "poolctl/queue_entry.h"
#include "poolctl/queue_report.h"

using namespace mailpool::poolctl;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void count(QueueEntry const& entry) {
  RememberedMessages const nothing;
  auto const waiters = waiters_of(entry, nothing);
  require(!waiters.empty());
  require(waiters.size() <= entry.recipients.size() + 1);
  QueueReport report;
  for (auto const& waiter : waiters) {
    require(QueueSelection{}.takes(waiter));
    report.add(waiter);
  }
  require(report.all.messages == waiters.size());
  require(report.by_site.size() == waiters.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  if (auto const entry = read_queue_line(text)) {
    require(!entry->id.empty() && entry->arrived >= 0);
    count(*entry);
  }
  if (auto const entry = read_control_file("qf3AU9Bq01012345", text)) {
    require(entry->arrived >= 0);
    count(*entry);
  }
  (void)site_told(text);
  return 0;
}
