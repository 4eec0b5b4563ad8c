#include "manager/imap_memory.h"

namespace mailpool::manager {
namespace {

constexpr auto kept = std::chrono::hours(24 * 90);
constexpr auto written_every = std::chrono::hours(24);

}  // namespace

ImapMemory::ImapMemory(state::Store& store) : store_(store) {
  for (auto& record : store_.take_loaded(state::Kind::ImapCapabilities))
    capabilities_[std::move(record.key)].record = std::move(record.value);
}

std::optional<std::string> ImapMemory::capabilities(std::string const& place) {
  auto const found = capabilities_.find(place);
  if (found == capabilities_.end()) return std::nullopt;
  return found->second.record;
}

void ImapMemory::keep_capabilities(std::string const& place, std::string record) {
  auto const now = std::chrono::system_clock::now();
  auto const known = capabilities_.find(place);
  bool const is_new = known == capabilities_.end();
  // Servers that programs name may be many; what the database would not keep is not kept here.
  if (is_new && capabilities_.size() >= most_records(state::Kind::ImapCapabilities)) return;
  auto& entry = is_new ? capabilities_[place] : known->second;
  if (entry.record == record && now < entry.written + written_every) return;
  entry = {std::move(record), now};
  store_.put(state::Kind::ImapCapabilities, place, entry.record, now + kept);
}

}  // namespace mailpool::manager
