#pragma once
// The bytes of a map from what the manager knows. Equal content gives equal bytes.

#include <cstdint>
#include <string>
#include <vector>

#include "core/map/layout.h"

namespace mailpool::map {

/// One domain. Folded by the writer; of several with one name the first origin wins, then the first
/// in the list.
struct Domain {
  std::string name;
  Origin origin = Origin::Learned;
  Fallback fallback = Fallback::Smtp;
  std::string site;  // a named site's door, or an automatic site's name, whose hash is the door;
                     // unused if excluded
  bool has_backlog = false;  // much of its mail waits, or soon will: it takes a service of its own
};

struct Content {
  Fallback default_fallback = Fallback::Smtp;
  std::uint16_t short_absence_s = 0;     // for Fallback::Wait
  std::vector<std::string> named_sites;  // have doors of their own; what is no door name is hashed
  std::vector<Domain> domains;
};

/// The door of a site: its own if it is named, else a hashed one.
[[nodiscard]] std::string door_of_site(std::string_view site, bool is_named);

/// The body. What does not fit into most_body_octets is left out, learned domains first: it is then
/// hashed by its own name.
[[nodiscard]] std::string write_body(Content const& content);

/// The header of `body`, with its checksums.
[[nodiscard]] Header header_for(std::string_view body, std::uint64_t generation, State state,
                                std::int64_t heartbeat_ns);

/// Another heartbeat and state for the same body.
void renew(Header& header, State state, std::int64_t heartbeat_ns);

[[nodiscard]] std::string octets_of(Header const& header);

}  // namespace mailpool::map
