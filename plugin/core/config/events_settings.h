#pragma once
// [events]: what happened, for machines, and where it is told.

#include <cstdint>
#include <string>
#include <string_view>

namespace mailpool {

/// How much of a recipient's address is told.
enum class EventAddresses : std::uint8_t {
  Full,
  Domain,  ///< only what is behind the @
  Hash,    ///< of the whole address, under a key
};
[[nodiscard]] std::string_view name_of(EventAddresses addresses);

struct EventsSettings {
  std::string file;    ///< "": none
  std::string socket;  ///< of a collector that listens there; "": none
  bool journal = false;
  EventAddresses addresses = EventAddresses::Full;
  std::string hash_key_file;  ///< with Hash
  bool operator==(EventsSettings const&) const = default;
};

}  // namespace mailpool
