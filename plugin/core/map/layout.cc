// What may be a domain and what a door.

#include "core/map/layout.h"

namespace mailpool::map {

namespace {

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool is_bucket_name(std::string_view name) {
  return name.size() == 4 && name[0] == 'h' && is_hex(name[1]) && is_hex(name[2]) &&
         is_hex(name[3]);
}

}  // namespace

bool is_door_name(std::string_view name) {
  if (name.empty() || name.size() > most_door_octets || is_bucket_name(name)) return false;
  for (char const c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  return true;
}

FoldedDomain::FoldedDomain(std::string_view domain) {
  if (!domain.empty() && domain.back() == '.') domain.remove_suffix(1);
  if (domain.empty() || domain.size() > most_domain_octets || domain.front() == '[') return;
  for (std::size_t i = 0; i < domain.size(); ++i) {
    char const c = domain[i];
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f' || c == '@') return;
    text[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  length = domain.size();
}

}  // namespace mailpool::map
