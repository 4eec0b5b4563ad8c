#include "core/route/dns_wire.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "core/route/dns_reader.h"
#include "core/route/host_name.h"

namespace mailpool::route {
namespace {

constexpr std::uint16_t type_soa = 6;
constexpr int rcode_nxdomain = 3;
constexpr std::size_t longest_chain = 16;
constexpr std::size_t most_records = 64;

/// The records asked for, at the end of the CNAMEs.
struct Found {
  DnsStatus status = DnsStatus::Failure;
  std::vector<DnsRecord const*> records;
  std::uint32_t ttl = UINT32_MAX;
  std::string owner;  ///< at the end of the CNAMEs, as labels
  std::string why;
};

Found failure(std::string why) {
  Found found;
  found.why = std::move(why);
  return found;
}

// RFC 2308 5: the smaller of the SOA's own TTL and its last field.
std::uint32_t negative_ttl(DnsMessage const& message) {
  for (auto const& record : message.authority) {
    if (record.type != type_soa || record.length < 22) continue;
    auto at = record.rdata + record.length - 4;
    return std::min(record.ttl, read_u32(message.octets, at).value_or(0));
  }
  return 0;
}

DnsRecord const* alias_of(DnsMessage const& message, std::string const& name) {
  auto const found =
      std::find_if(message.answers.begin(), message.answers.end(),
                   [&](DnsRecord const& r) { return r.type == type_cname && r.owner == name; });
  return found == message.answers.end() ? nullptr : &*found;
}

Found negative(DnsMessage const& message, DnsStatus status, std::uint32_t chain_ttl) {
  Found found;
  found.status = status;
  found.ttl = std::min(chain_ttl, negative_ttl(message));
  return found;
}

Found find(DnsMessage const& message, std::uint16_t type) {
  Found found;
  auto name = message.asked;
  for (std::size_t steps = 0;
       auto const* alias = type == type_cname ? nullptr : alias_of(message, name); ++steps) {
    if (steps == longest_chain) return failure("CNAME loop");
    auto at = alias->rdata;
    auto target = read_name(message.octets, at);
    if (!target || at != alias->rdata + alias->length) return failure("malformed CNAME");
    found.ttl = std::min(found.ttl, alias->ttl);
    name = std::move(*target);
  }
  if (message.rcode == rcode_nxdomain) return negative(message, DnsStatus::NoName, found.ttl);
  for (auto const& record : message.answers) {
    if (record.type != type || record.owner != name) continue;
    found.records.push_back(&record);
    found.ttl = std::min(found.ttl, record.ttl);
  }
  if (found.records.empty()) return negative(message, DnsStatus::NoData, found.ttl);
  found.status = DnsStatus::Answer;
  found.owner = std::move(name);
  return found;
}

Found find(std::optional<DnsMessage> const& message, std::uint16_t type) {
  if (!message) return failure("malformed DNS answer");
  if (message->rcode != 0 && message->rcode != rcode_nxdomain)
    return failure(rcode_name(static_cast<int>(message->rcode)));
  return find(*message, type);
}

std::optional<MxRecord> mx_record(Octets message, DnsRecord const& record) {
  auto at = record.rdata;
  auto const preference = read_u16(message, at);
  if (!preference || record.length < 3) return std::nullopt;
  auto const labels = read_name(message, at);
  if (!labels || at != record.rdata + record.length) return std::nullopt;
  auto host = with_dots(*labels);
  if (!host || (!host->empty() && !is_host_name(*host))) return std::nullopt;
  return MxRecord{*preference, std::move(*host)};
}

std::optional<IpAddress> address(Octets message, DnsRecord const& record) {
  auto const* const first = message.data() + record.rdata;
  if (record.type == type_a && record.length == 4)
    return IpAddress::v4({first[0], first[1], first[2], first[3]});
  if (record.type != type_aaaa || record.length != 16) return std::nullopt;
  std::array<std::uint8_t, 16> octets{};
  std::copy_n(first, octets.size(), octets.begin());
  return IpAddress::v6(octets);
}

}  // namespace

MxAnswer parse_mx_answer(Octets octets) {
  auto const message = read_message(octets);
  auto found = find(message, type_mx);
  MxAnswer answer;
  answer.status = found.status;
  answer.ttl = std::chrono::seconds(found.ttl);
  answer.why = std::move(found.why);
  for (auto const* record : found.records) {
    if (auto mx = mx_record(octets, *record)) {
      answer.records.push_back(std::move(*mx));
    } else {
      ++answer.rejected;
    }
  }
  return answer;
}

AddressAnswer parse_address_answer(Octets octets, IpAddress::Family family) {
  auto const message = read_message(octets);
  auto found = find(message, family == IpAddress::Family::V4 ? type_a : type_aaaa);
  AddressAnswer answer;
  answer.status = found.status;
  answer.ttl = std::chrono::seconds(found.ttl);
  answer.why = std::move(found.why);
  answer.canonical = with_dots(found.owner).value_or("");
  if (!is_host_name(answer.canonical)) answer.canonical.clear();
  for (auto const* record : found.records)
    if (auto const a = address(octets, *record)) answer.addresses.push_back(*a);
  if (answer.status == DnsStatus::Answer && answer.addresses.empty()) {
    answer.status = DnsStatus::Failure;
    answer.why = "malformed address record";
  }
  return answer;
}

RecordAnswer parse_record_answer(Octets octets, std::uint16_t type) {
  auto const message = read_message(octets);
  auto found = find(message, type);
  RecordAnswer answer;
  answer.status = found.status;
  answer.ttl = std::chrono::seconds(found.ttl);
  answer.why = std::move(found.why);
  if (found.records.size() > most_records) found.records.resize(most_records);
  for (auto const* record : found.records)
    answer.records.emplace_back(reinterpret_cast<char const*>(octets.data()) + record->rdata,
                                record->length);
  return answer;
}

std::optional<tls::TlsaRecord> tlsa_of(std::string_view rdata) {
  if (rdata.size() < 4) return std::nullopt;
  auto const octet = [&](std::size_t at) { return static_cast<std::uint8_t>(rdata[at]); };
  return tls::TlsaRecord{octet(0), octet(1), octet(2), std::string(rdata.substr(3))};
}

std::optional<std::string> text_of(std::string_view rdata) {
  std::string text;
  while (!rdata.empty()) {
    auto const length = static_cast<std::size_t>(static_cast<unsigned char>(rdata.front()));
    rdata.remove_prefix(1);
    if (length > rdata.size()) return std::nullopt;
    text += rdata.substr(0, length);
    rdata.remove_prefix(length);
  }
  return text;
}

bool holds_record(Octets octets, std::uint16_t type) {
  auto const message = read_message(octets);
  return message && std::any_of(message->answers.begin(), message->answers.end(),
                                [&](DnsRecord const& r) { return r.type == type; });
}

std::string rcode_name(int rcode) {
  switch (rcode) {
    case 0:
      return "NOERROR";
    case 1:
      return "FORMERR";
    case 2:
      return "SERVFAIL";
    case rcode_nxdomain:
      return "NXDOMAIN";
    case 4:
      return "NOTIMP";
    case 5:
      return "REFUSED";
    default:
      return "rcode " + std::to_string(rcode);
  }
}

}  // namespace mailpool::route
