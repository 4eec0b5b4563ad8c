#include "core/config/table.h"

namespace mailpool {

using value::OneOf;
using value::YesNo;

void add_events(Table& table) {
  using S = EventsSettings;
  table.begin(Section::Events);
  table.add("file", &S::file, value::path_or_empty())
      .says("The file that events are written to, one JSON object a line; \"\": none.")
      .note(
          "One for each recipient's outcome, and for connections, suspensions, lowered limits, "
          "refused "
          "logins and the configuration. It is opened again on SIGHUP, so that it can be rotated. "
          "mailpool-events(7) has every field.")
      .for_example("\"/var/log/mailpool/events.jsonl\"");
  table.add("socket", &S::socket, value::socket_path_or_empty())
      .says("The Unix socket of a collector that listens there for lines; \"\": none.")
      .note("While it is away, up to 8 MiB wait in memory.")
      .for_example("\"/run/vector/mailpool.sock\"");
  table.add("journal", &S::journal, YesNo{})
      .says("Whether events go to the journal, each key as a field such as MAILPOOL_SITE.")
      .note("journalctl -t mailpool-events shows them.");
  table
      .add("addresses", &S::addresses,
           OneOf{std::array{EventAddresses::Full, EventAddresses::Domain, EventAddresses::Hash}})
      .says("How much of a recipient's address is told.")
      .note(
          "\"hash\" tells the domain and sixteen hexadecimal digits that are the same for the same "
          "address. But with \"full\", local parts are cut out of the servers' words too.");
  table.add("hash_key_file", &S::hash_key_file, value::path_or_empty())
      .says("The key of these hashes: who lacks it cannot try addresses.")
      .note("The first line of a file of mailpoold's user alone (mode 0600).")
      .for_example("\"/etc/mailpool/events.key\"");
}

}  // namespace mailpool
