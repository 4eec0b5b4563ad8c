#pragma once
// The bytes of the map file: what the manager publishes and the Postfix table reads.
//
// A file is a Header of 64 bytes, then a body: BodyHeader, entries sorted by name, named doors, the
// names' octets. Numbers are in the host's byte order: the file never leaves the host, and another
// order shows as a wrong magic number.
//
// The header has a checksum of its own, since heartbeat and state change in place, once a second,
// while the body stays; a header read while it was being written shows as a wrong checksum and is
// read again. The body is only ever replaced by renaming a new file over the old one.
//
// Everything in this folder is plain C++ without third-party code, exceptions or (writer apart)
// allocation, because it is also compiled into a shared object that lives inside Postfix.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace mailpool::map {

inline constexpr std::uint64_t magic =
    0x70616d6c6f6f706dU;  // "mpoolmap" on a little-endian machine
inline constexpr std::uint32_t version = 1;
inline constexpr std::size_t most_body_octets = std::size_t{32} * 1024 * 1024;
inline constexpr std::size_t most_domain_octets = 253;  // RFC 1035 2.3.4, without the root's dot
inline constexpr std::size_t most_door_octets =
    63;  // so that mailpool/d/DOOR always fits in sun_path
inline constexpr std::uint32_t bucket_count = 1024;  // hashed doors h000 to h3ff
inline constexpr std::int64_t stale_after_ns = 3'000'000'000;

/// What the table answers for a domain while the manager is away.
enum class Fallback : std::uint8_t {
  Smtp = 0,   // "not found": the mail leaves by Postfix's ordinary transport
  Defer = 1,  // the door all the same: the mail waits in Postfix's queue
  Wait = 2,   // the door for a short absence (BodyHeader::short_absence_s), then as Smtp
};

enum class State : std::uint32_t {
  Open = 1,      // the manager takes mail
  Draining = 2,  // it takes no new mail: as good as away, and known at once
};

/// Where an entry comes from: for explanations, and for precedence in the writer (the first wins).
enum class Origin : std::uint8_t { Excluded = 0, Named = 1, Learned = 2 };

struct Header {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t state;
  std::int64_t heartbeat_ns;  // CLOCK_MONOTONIC
  std::uint64_t generation;   // another body, another generation
  std::uint64_t body_size;
  std::uint64_t body_checksum;
  std::uint64_t reserved;         // zero
  std::uint64_t header_checksum;  // of the 56 octets before
};
static_assert(sizeof(Header) == 64 && offsetof(Header, header_checksum) == 56);

struct BodyHeader {
  std::uint32_t entry_count;
  std::uint32_t door_count;
  std::uint32_t names_size;
  std::uint16_t default_fallback;
  std::uint16_t short_absence_s;  // seconds since the last heartbeat
};
static_assert(sizeof(BodyHeader) == 16);

struct Entry {
  std::uint32_t name_offset;
  std::uint16_t
      door;  // below bucket_count: that hashed door; else bucket_count + index of a named one
  std::uint8_t name_length;
  std::uint8_t
      flags;  // bits 0 and 3: Fallback; bits 1 and 2: Origin; bit 4: takes the service for backlogs
};
static_assert(sizeof(Entry) == 8);

[[nodiscard]] constexpr std::uint8_t flags_of(Fallback fallback, Origin origin,
                                              bool has_backlog = false) {
  auto const f = static_cast<unsigned>(fallback);
  return static_cast<std::uint8_t>((f & 1U) | static_cast<unsigned>(origin) << 1U |
                                   (f >> 1U) << 3U | (has_backlog ? 16U : 0U));
}
[[nodiscard]] constexpr bool has_backlog(std::uint8_t flags) {
  return (flags & 16U) != 0;
}
[[nodiscard]] constexpr Fallback fallback_of(std::uint8_t flags) {
  if ((flags & 8U) != 0) return Fallback::Wait;
  return (flags & 1U) != 0 ? Fallback::Defer : Fallback::Smtp;
}
[[nodiscard]] constexpr Origin origin_of(std::uint8_t flags) {
  auto const origin = (flags >> 1U) & 3U;
  return origin > 2 ? Origin::Learned : static_cast<Origin>(origin);
}

struct NamedDoor {
  std::uint32_t name_offset;
  std::uint32_t name_length;
};
static_assert(sizeof(NamedDoor) == 8);

/// Differs for any two inputs that differ in a single octet: every step is a bijection of the
/// state.
[[nodiscard]] inline std::uint64_t checksum(char const* octets, std::size_t size) {
  std::uint64_t sum = 0x9e3779b97f4a7c15U ^ size;
  auto const stir = [&sum](std::uint64_t word) {
    sum = (sum ^ word) * 0xff51afd7ed558ccdU;
    sum ^= sum >> 32U;
  };
  for (; size >= 8; octets += 8, size -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, octets, 8);
    stir(word);
  }
  std::uint64_t rest = 0;
  if (size > 0) std::memcpy(&rest, octets, size);
  stir(rest);
  return sum;
}

[[nodiscard]] inline std::uint64_t header_checksum(Header const& header) {
  char octets[offsetof(Header, header_checksum)];
  std::memcpy(octets, &header, sizeof octets);
  return checksum(octets, sizeof octets);
}

/// The bucket of a hashed door: of a domain or of an automatic site's name, both folded (64-bit
/// FNV-1a).
[[nodiscard]] inline std::uint32_t bucket_of(std::string_view folded_name) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (char const c : folded_name) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  hash ^= hash >> 32U;
  return static_cast<std::uint32_t>((hash ^ (hash >> 16U)) % bucket_count);
}

/// A door's name, in place: no allocation.
struct DoorName {
  char text[most_door_octets + 1] = {};
  std::size_t length = 0;

  [[nodiscard]] std::string_view view() const { return {text, length}; }
};

/// h000 to h3ff.
[[nodiscard]] inline DoorName bucket_door(std::uint32_t bucket) {
  constexpr char digits[] = "0123456789abcdef";
  DoorName name;
  name.text[0] = 'h';
  name.text[1] = digits[(bucket >> 8U) & 15U];
  name.text[2] = digits[(bucket >> 4U) & 15U];
  name.text[3] = digits[bucket & 15U];
  name.length = 4;
  return name;
}

/// Whether a name may be a named door: [a-z0-9-]+, not too long, and not that of a bucket.
[[nodiscard]] bool is_door_name(std::string_view name);

/// A recipient's domain in lower case without a trailing dot, in place. Empty for what is no
/// domain: nothing, too long, a literal in brackets, octets that no domain holds.
struct FoldedDomain {
  explicit FoldedDomain(std::string_view domain);

  char text[most_domain_octets + 1] = {};
  std::size_t length = 0;

  [[nodiscard]] std::string_view view() const { return {text, length}; }
};

}  // namespace mailpool::map
