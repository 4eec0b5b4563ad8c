// Sorting domains into the file's tables.

#include "core/map/writer.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace mailpool::map {

namespace {

struct Row {
  std::string name;
  Domain const* domain;
};

// Named doors are numbered in the order of their names, so that the order of the configuration does
// not matter.
std::vector<std::string> doors_of(Content const& content) {
  std::vector<std::string> doors;
  for (auto const& site : content.named_sites)
    if (is_door_name(site)) doors.push_back(site);
  std::sort(doors.begin(), doors.end());
  doors.erase(std::unique(doors.begin(), doors.end()), doors.end());
  std::size_t const most = std::numeric_limits<std::uint16_t>::max() - bucket_count;
  if (doors.size() > most) doors.resize(most);
  return doors;
}

std::vector<Row> rows_of(Content const& content) {
  std::vector<Row> rows;
  rows.reserve(content.domains.size());
  for (auto const& domain : content.domains) {
    FoldedDomain const folded(domain.name);
    if (folded.length > 0) rows.push_back({std::string(folded.view()), &domain});
  }
  std::stable_sort(rows.begin(), rows.end(), [](Row const& a, Row const& b) {
    return std::pair(std::string_view(a.name), a.domain->origin) <
           std::pair(std::string_view(b.name), b.domain->origin);
  });
  rows.erase(std::unique(rows.begin(), rows.end(),
                         [](Row const& a, Row const& b) { return a.name == b.name; }),
             rows.end());
  return rows;
}

void cut_to_size(std::vector<Row>& rows, std::size_t doors_size) {
  auto const cost = [](Row const& row) { return sizeof(Entry) + row.name.size(); };
  std::size_t size = sizeof(BodyHeader) + doors_size;
  for (auto const& row : rows) size += cost(row);
  for (auto origin : {Origin::Learned, Origin::Named, Origin::Excluded}) {
    if (size <= most_body_octets) return;
    std::erase_if(rows, [&](Row const& row) {
      if (size <= most_body_octets || row.domain->origin != origin) return false;
      size -= cost(row);
      return true;
    });
  }
}

std::uint16_t door_number(std::vector<std::string> const& doors, Domain const& domain) {
  auto const at = std::lower_bound(doors.begin(), doors.end(), domain.site);
  if (domain.origin != Origin::Excluded && at != doors.end() && *at == domain.site)
    return static_cast<std::uint16_t>(bucket_count + static_cast<std::size_t>(at - doors.begin()));
  return static_cast<std::uint16_t>(bucket_of(domain.site));
}

template <class T>
void append(std::string& to, T const& value) {
  char octets[sizeof value];
  std::memcpy(octets, &value, sizeof value);
  to.append(octets, sizeof value);
}

}  // namespace

std::string door_of_site(std::string_view site, bool is_named) {
  return is_named && is_door_name(site) ? std::string(site)
                                        : std::string(bucket_door(bucket_of(site)).view());
}

std::string write_body(Content const& content) {
  auto const doors = doors_of(content);
  auto rows = rows_of(content);
  std::size_t doors_size = 0;
  for (auto const& door : doors) doors_size += sizeof(NamedDoor) + door.size();
  cut_to_size(rows, doors_size);

  std::string entries;
  std::string door_table;
  std::string names;
  entries.reserve(rows.size() * sizeof(Entry));
  for (auto const& [name, domain] : rows) {
    append(entries, Entry{static_cast<std::uint32_t>(names.size()), door_number(doors, *domain),
                          static_cast<std::uint8_t>(name.size()),
                          flags_of(domain->fallback, domain->origin, domain->has_backlog)});
    names += name;
  }
  for (auto const& door : doors) {
    append(door_table, NamedDoor{static_cast<std::uint32_t>(names.size()),
                                 static_cast<std::uint32_t>(door.size())});
    names += door;
  }
  std::string body;
  append(
      body,
      BodyHeader{static_cast<std::uint32_t>(rows.size()), static_cast<std::uint32_t>(doors.size()),
                 static_cast<std::uint32_t>(names.size()),
                 static_cast<std::uint16_t>(content.default_fallback), content.short_absence_s});
  return body + entries + door_table + names;
}

Header header_for(std::string_view body, std::uint64_t generation, State state,
                  std::int64_t heartbeat_ns) {
  Header header{};
  header.magic = magic;
  header.version = version;
  header.generation = generation;
  header.body_size = body.size();
  header.body_checksum = checksum(body.data(), body.size());
  renew(header, state, heartbeat_ns);
  return header;
}

void renew(Header& header, State state, std::int64_t heartbeat_ns) {
  header.state = static_cast<std::uint32_t>(state);
  header.heartbeat_ns = heartbeat_ns;
  header.header_checksum = header_checksum(header);
}

std::string octets_of(Header const& header) {
  std::string octets;
  append(octets, header);
  return octets;
}

}  // namespace mailpool::map
