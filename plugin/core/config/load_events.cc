#include "core/config/load_events.h"

namespace mailpool {

void check_events(Node const& root, SectionReader& reader, EventsSettings const& events) {
  auto const* const section = root.find("events");
  if (section == nullptr) return;
  auto const* const addresses = section->value.find("addresses");
  if (addresses != nullptr && events.addresses == EventAddresses::Hash &&
      events.hash_key_file.empty())
    reader.complain(addresses->line, R"([events] addresses: "hash" needs a hash_key_file)",
                    R"(hash_key_file = "/etc/mailpool/events.key")");
}

}  // namespace mailpool
