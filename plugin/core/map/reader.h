#pragma once
// Reads a private copy of the map file: every octet of it may be hostile, no answer allocates.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/map/layout.h"

namespace mailpool::map {

/// What is the matter with a header. Words for logs and for poolctl: name_of().
enum class HeaderFault : std::uint8_t { None, TooShort, NotAMap, OtherVersion, Damaged };

[[nodiscard]] char const* name_of(HeaderFault fault);

/// The header in the first octets of `octets`; `out` is set only with HeaderFault::None.
[[nodiscard]] HeaderFault read_header(std::string_view octets, Header& out);

/// Whether the manager behind the header takes mail now; if not, why not.
enum class Presence : std::uint8_t { Here, Draining, Stale, FromTheFuture };

/// `now_ns`: CLOCK_MONOTONIC, read after the header was (else a heartbeat between the two looks
/// like one of the future).
[[nodiscard]] Presence presence_of(Header const& header, std::int64_t now_ns);

/// The body of one map, as a view: the octets must stay where they are while it is used.
class Reader {
 public:
  /// A reader without a map: it answers nothing.
  Reader() = default;

  /// `body` is what follows the header. Checks size, checksum and the tables' bounds; false leaves
  /// the reader without a map.
  [[nodiscard]] bool open(Header const& header, std::string_view body);

  [[nodiscard]] bool has_map() const { return has_map_; }
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  [[nodiscard]] std::uint32_t entry_count() const { return body_.entry_count; }
  [[nodiscard]] Fallback default_fallback() const {
    return static_cast<Fallback>(body_.default_fallback);
  }
  [[nodiscard]] std::int64_t short_absence_ns() const {
    return std::int64_t{body_.short_absence_s} * 1'000'000'000;
  }

  struct Found {
    bool is_listed = false;           // else: hashed by its own name
    Origin origin = Origin::Learned;  // of a listed one
    Fallback fallback = Fallback::Smtp;
    bool has_backlog = false;
    DoorName door;  // empty: excluded, or a damaged entry
  };

  /// `folded`: from FoldedDomain. A reader with a map knows a door for every domain that is not
  /// excluded.
  [[nodiscard]] Found find(std::string_view folded) const;

 private:
  [[nodiscard]] bool entry_at(std::uint32_t index, Entry& entry, std::string_view& name) const;
  [[nodiscard]] DoorName door_at(std::uint16_t door) const;
  [[nodiscard]] bool has_sound_doors() const;

  bool has_map_ = false;
  std::uint64_t generation_ = 0;
  BodyHeader body_ = {};
  char const* entries_ = nullptr;
  char const* doors_ = nullptr;
  char const* names_ = nullptr;
};

/// Why the table answers what it answers.
enum class Reason : std::uint8_t {
  NoMap,         // nothing was ever read
  NotADomain,    // an empty, overlong or bracketed one
  Excluded,      // exclude_domains
  Named,         // a site of the configuration
  Learned,       // its MX hosts are known
  Hashed,        // nothing is known of it
  AwayFallback,  // the manager is away, fallback = "smtp"
  AwayDefer,     // the manager is away, fallback = "defer"
  AwayWaits,     // the manager has not been away for long, and the domain's mail is under a limit
};

[[nodiscard]] char const* name_of(Reason reason);

struct Decision {
  Reason reason = Reason::NoMap;
  DoorName door;  // empty: "not found"
  /// Much of its mail waits, or soon will: it takes the service for that, where Postfix has it.
  bool has_backlog = false;

  [[nodiscard]] bool is_found() const { return door.length > 0; }
};

/// How long the manager has been away, where that is not known or does not matter.
inline constexpr std::int64_t away_for_good = INT64_MAX;

/// The whole of the table's policy. `manager_is_here`: a header without fault, and Presence::Here;
/// else `away_ns` is the time since its last heartbeat.
[[nodiscard]] Decision decide(Reader const& reader, bool manager_is_here, std::string_view folded,
                              std::int64_t away_ns = away_for_good);

}  // namespace mailpool::map
