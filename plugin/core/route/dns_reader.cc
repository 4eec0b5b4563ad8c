#include "core/route/dns_reader.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool::route {
namespace {

constexpr std::size_t longest_name = 254;  // 255 octets with the final zero

std::optional<DnsRecord> read_record(Octets message, std::size_t& at, bool& is_internet) {
  DnsRecord record;
  auto owner = read_name(message, at);
  auto const type = read_u16(message, at);
  auto const klass = read_u16(message, at);
  auto const ttl = read_u32(message, at);
  auto const length = read_u16(message, at);
  if (!owner || !type || !klass || !ttl || !length || message.size() - at < *length)
    return std::nullopt;
  record.owner = std::move(*owner);
  record.type = *type;
  record.ttl = *ttl > 0x7fffffffU ? 0 : *ttl;  // RFC 2181 8
  record.rdata = at;
  record.length = *length;
  at += *length;
  is_internet = *klass == class_in;
  return record;
}

bool read_section(Octets message, std::size_t& at, std::uint16_t count,
                  std::vector<DnsRecord>& records) {
  for (unsigned i = 0; i < count; ++i) {
    bool is_internet = false;
    auto record = read_record(message, at, is_internet);
    if (!record) return false;
    if (is_internet) records.push_back(std::move(*record));
  }
  return true;
}

}  // namespace

std::optional<std::uint16_t> read_u16(Octets message, std::size_t& at) {
  if (at > message.size() || message.size() - at < 2) return std::nullopt;
  auto const n = static_cast<std::uint16_t>(message[at] << 8U | message[at + 1]);
  at += 2;
  return n;
}

std::optional<std::uint32_t> read_u32(Octets message, std::size_t& at) {
  auto const high = read_u16(message, at);
  auto const low = read_u16(message, at);
  if (!high || !low) return std::nullopt;
  return std::uint32_t{*high} << 16U | *low;
}

std::optional<std::string> read_name(Octets message, std::size_t& at) {
  std::string labels;
  std::size_t limit =
      at;  // a pointer must lead before the place where this stretch of the name began
  std::size_t here = at;
  bool has_jumped = false;
  while (here < message.size()) {
    std::size_t const length = message[here];
    if (length == 0) {
      if (!has_jumped) at = here + 1;
      return labels;
    }
    if (length >= 0xc0) {
      if (here + 1 >= message.size()) return std::nullopt;
      std::size_t const target = (length & 0x3fU) << 8U | message[here + 1];
      if (target >= limit) return std::nullopt;
      if (!has_jumped) at = here + 2;
      has_jumped = true;
      limit = here = target;
      continue;
    }
    if (length > 63 || message.size() - here <= length || labels.size() + 1 + length > longest_name)
      return std::nullopt;
    for (std::size_t i = 0; i <= length; ++i)
      labels +=
          i == 0 ? static_cast<char>(length) : ascii_lower(static_cast<char>(message[here + i]));
    here += 1 + length;
  }
  return std::nullopt;
}

std::optional<std::string> with_dots(std::string const& labels) {
  std::string text;
  for (std::size_t at = 0; at < labels.size();) {
    auto const length = static_cast<std::size_t>(static_cast<unsigned char>(labels[at]));
    auto const label = std::string_view(labels).substr(at + 1, length);
    if (label.find('.') != std::string_view::npos) return std::nullopt;
    if (at != 0) text += '.';
    text += label;
    at += 1 + length;
  }
  return text;
}

std::optional<DnsMessage> read_message(Octets octets) {
  DnsMessage message;
  message.octets = octets;
  std::size_t at = 2;
  auto const flags = read_u16(octets, at);
  auto const questions = read_u16(octets, at);
  auto const answers = read_u16(octets, at);
  auto const authority = read_u16(octets, at);
  auto const additional = read_u16(octets, at);
  if (!flags || !questions || *questions != 1 || !answers || !authority || !additional)
    return std::nullopt;
  message.rcode = *flags & 0xfU;
  auto asked = read_name(octets, at);
  if (!asked || !read_u32(octets, at)) return std::nullopt;  // type and class of the question
  message.asked = std::move(*asked);
  if (!read_section(octets, at, *answers, message.answers) ||
      !read_section(octets, at, *authority, message.authority))
    return std::nullopt;
  return message;
}

}  // namespace mailpool::route
