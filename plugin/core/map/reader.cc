// Looking a domain up among bytes that may be garbage.

#include "core/map/reader.h"

#include <algorithm>

namespace mailpool::map {

namespace {

template <class T>
T load(char const* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

int compare(std::string_view a, std::string_view b) {
  int const order = std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
  if (order != 0) return order;
  return a.size() < b.size() ? -1 : static_cast<int>(a.size() > b.size());
}

}  // namespace

char const* name_of(HeaderFault fault) {
  switch (fault) {
    case HeaderFault::None:
      return "sound";
    case HeaderFault::TooShort:
      return "too short";
    case HeaderFault::NotAMap:
      return "not a map";
    case HeaderFault::OtherVersion:
      return "of another version";
    case HeaderFault::Damaged:
      return "damaged";
  }
  return "damaged";
}

HeaderFault read_header(std::string_view octets, Header& out) {
  if (octets.size() < sizeof(Header)) return HeaderFault::TooShort;
  auto const header = load<Header>(octets.data());
  if (header.magic != magic) return HeaderFault::NotAMap;
  if (header.version != version) return HeaderFault::OtherVersion;
  bool const is_sound = header.header_checksum == header_checksum(header) && header.reserved == 0 &&
                        (header.state == static_cast<std::uint32_t>(State::Open) ||
                         header.state == static_cast<std::uint32_t>(State::Draining)) &&
                        header.body_size <= most_body_octets;
  if (!is_sound) return HeaderFault::Damaged;
  out = header;
  return HeaderFault::None;
}

Presence presence_of(Header const& header, std::int64_t now_ns) {
  if (header.heartbeat_ns > now_ns) return Presence::FromTheFuture;
  if (header.heartbeat_ns < now_ns - stale_after_ns) return Presence::Stale;
  return header.state == static_cast<std::uint32_t>(State::Open) ? Presence::Here
                                                                 : Presence::Draining;
}

bool Reader::open(Header const& header, std::string_view body) {
  *this = Reader();
  if (body.size() != header.body_size || body.size() < sizeof(BodyHeader)) return false;
  if (checksum(body.data(), body.size()) != header.body_checksum) return false;
  auto const tables = load<BodyHeader>(body.data());
  std::uint64_t const size =
      sizeof(BodyHeader) + std::uint64_t{tables.entry_count} * sizeof(Entry) +
      std::uint64_t{tables.door_count} * sizeof(NamedDoor) + tables.names_size;
  if (size != body.size() || tables.default_fallback > 2) return false;
  body_ = tables;
  entries_ = body.data() + sizeof(BodyHeader);
  doors_ = entries_ + std::size_t{tables.entry_count} * sizeof(Entry);
  names_ = doors_ + std::size_t{tables.door_count} * sizeof(NamedDoor);
  generation_ = header.generation;
  has_map_ = has_sound_doors();
  return has_map_;
}

bool Reader::has_sound_doors() const {
  for (std::uint32_t i = 0; i < body_.door_count; ++i) {
    auto const door = load<NamedDoor>(doors_ + std::size_t{i} * sizeof(NamedDoor));
    if (std::uint64_t{door.name_offset} + door.name_length > body_.names_size) return false;
    if (!is_door_name({names_ + door.name_offset, door.name_length})) return false;
  }
  return true;
}

bool Reader::entry_at(std::uint32_t index, Entry& entry, std::string_view& name) const {
  entry = load<Entry>(entries_ + std::size_t{index} * sizeof(Entry));
  if (std::uint64_t{entry.name_offset} + entry.name_length > body_.names_size) return false;
  name = {names_ + entry.name_offset, entry.name_length};
  return true;
}

DoorName Reader::door_at(std::uint16_t door) const {
  if (door < bucket_count) return bucket_door(door);
  std::uint32_t const index = door - bucket_count;
  if (index >= body_.door_count) return {};
  auto const named = load<NamedDoor>(doors_ + std::size_t{index} * sizeof(NamedDoor));
  DoorName name;
  name.length = named.name_length;  // at most most_door_octets: has_sound_doors()
  std::memcpy(name.text, names_ + named.name_offset, name.length);
  return name;
}

Reader::Found Reader::find(std::string_view folded) const {
  if (!has_map_) return {};
  std::uint32_t low = 0;
  std::uint32_t high = body_.entry_count;
  while (low < high) {
    std::uint32_t const middle = low + (high - low) / 2;
    Entry entry{};
    std::string_view name;
    if (!entry_at(middle, entry, name)) return {};
    int const order = compare(folded, name);
    if (order == 0) {
      Found found;
      found.is_listed = true;
      found.fallback = fallback_of(entry.flags);
      found.origin = origin_of(entry.flags);
      found.has_backlog = has_backlog(entry.flags);
      if (found.origin != Origin::Excluded) found.door = door_at(entry.door);
      return found;
    }
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  Found hashed;
  hashed.fallback = default_fallback();
  hashed.door = bucket_door(bucket_of(folded));
  return hashed;
}

char const* name_of(Reason reason) {
  switch (reason) {
    case Reason::NoMap:
      return "there is no usable map";
    case Reason::NotADomain:
      return "not a domain name";
    case Reason::Excluded:
      return "exclude_domains names it";
    case Reason::Named:
      return "its site is named in the configuration";
    case Reason::Learned:
      return "its MX hosts are known";
    case Reason::Hashed:
      return "nothing is known of it yet: the door is the hash of the domain";
    case Reason::AwayFallback:
      return "the manager is away, and its fallback is smtp";
    case Reason::AwayDefer:
      return "the manager is away, and its fallback is defer";
    case Reason::AwayWaits:
      return "the manager is away, but not for long yet: what has limits waits";
  }
  return "";
}

Decision decide(Reader const& reader, bool manager_is_here, std::string_view folded,
                std::int64_t away_ns) {
  Decision decision;
  if (folded.empty()) {
    decision.reason = Reason::NotADomain;
    return decision;
  }
  if (!reader.has_map()) return decision;
  auto const found = reader.find(folded);
  if (found.is_listed && found.origin == Origin::Excluded) {
    decision.reason = Reason::Excluded;
    return decision;
  }
  if (found.door.length == 0) return decision;  // a damaged entry is as good as no map
  if (!manager_is_here) {
    bool const waits = found.fallback == Fallback::Wait && away_ns < reader.short_absence_ns();
    decision.reason = waits                               ? Reason::AwayWaits
                      : found.fallback == Fallback::Defer ? Reason::AwayDefer
                                                          : Reason::AwayFallback;
    if (decision.reason != Reason::AwayFallback) decision.door = found.door;
    return decision;
  }
  decision.door = found.door;
  decision.has_backlog = found.has_backlog;
  decision.reason = !found.is_listed                ? Reason::Hashed
                    : found.origin == Origin::Named ? Reason::Named
                                                    : Reason::Learned;
  return decision;
}

}  // namespace mailpool::map
