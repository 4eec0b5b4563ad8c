#pragma once
// Writes DNS messages, well formed or not.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ip.h"
#include "core/base/text.h"
#include "core/route/dns_wire.h"

namespace mailpool::fakes {

/// An answer to one question; names are written without compression.
class DnsReply {
 public:
  DnsReply(std::string_view name, std::uint16_t type, std::uint8_t rcode = 0) {
    octets_ = {0, 0, 0x84, static_cast<std::uint8_t>(0x80 | rcode), 0, 1, 0, 0, 0, 0, 0, 0};
    put_name(name);
    put16(type);
    put16(route::class_in);
  }

  DnsReply& mx(std::string_view owner, std::uint32_t ttl, std::uint16_t preference,
               std::string_view host) {
    return mx_of_labels(owner, ttl, preference, labels_of(host));
  }
  DnsReply& mx_of_labels(std::string_view owner, std::uint32_t ttl, std::uint16_t preference,
                         std::vector<std::string> const& labels) {
    auto const end = begin(answers, owner, route::type_mx, ttl);
    put16(preference);
    put_labels(labels);
    return finish(end);
  }
  DnsReply& cname(std::string_view owner, std::uint32_t ttl, std::string_view target) {
    auto const end = begin(answers, owner, 5, ttl);
    put_name(target);
    return finish(end);
  }
  DnsReply& a(std::string_view owner, std::uint32_t ttl, std::string_view text) {
    return address(owner, ttl, text, route::type_a, 4);
  }
  DnsReply& aaaa(std::string_view owner, std::uint32_t ttl, std::string_view text) {
    return address(owner, ttl, text, route::type_aaaa, 16);
  }
  DnsReply& record(std::string_view owner, std::uint16_t type, std::uint32_t ttl,
                   std::vector<std::uint8_t> const& rdata) {
    auto const end = begin(answers, owner, type, ttl);
    octets_.insert(octets_.end(), rdata.begin(), rdata.end());
    return finish(end);
  }
  DnsReply& soa(std::string_view owner, std::uint32_t ttl, std::uint32_t negative_ttl) {
    auto const end = begin(authority, owner, 6, ttl);
    put_name("ns.example.org");
    put_name("root.example.org");
    for (std::uint32_t const n : {1U, 3600U, 600U, 86400U, negative_ttl}) put32(n);
    return finish(end);
  }

  [[nodiscard]] std::vector<std::uint8_t> const& octets() const { return octets_; }

 private:
  static constexpr std::size_t answers = 7;  // low octets of the counts in the header
  static constexpr std::size_t authority = 9;

  DnsReply& address(std::string_view owner, std::uint32_t ttl, std::string_view text,
                    std::uint16_t type, std::size_t size) {
    auto const end = begin(answers, owner, type, ttl);
    auto const address = IpAddress::parse(text).value();
    octets_.insert(octets_.end(), address.octets().begin(),
                   address.octets().begin() + static_cast<std::ptrdiff_t>(size));
    return finish(end);
  }
  std::size_t begin(std::size_t count, std::string_view owner, std::uint16_t type,
                    std::uint32_t ttl) {
    ++octets_[count];
    put_name(owner);
    put16(type);
    put16(route::class_in);
    put32(ttl);
    put16(0);
    return octets_.size();
  }
  DnsReply& finish(std::size_t rdata) {
    auto const length = octets_.size() - rdata;
    octets_[rdata - 2] = static_cast<std::uint8_t>(length >> 8U);
    octets_[rdata - 1] = static_cast<std::uint8_t>(length);
    return *this;
  }
  static std::vector<std::string> labels_of(std::string_view name) {
    std::vector<std::string> labels;
    if (name.empty()) return labels;
    for (auto const label : split(name, '.')) labels.emplace_back(label);
    return labels;
  }
  void put_name(std::string_view name) { put_labels(labels_of(name)); }
  void put_labels(std::vector<std::string> const& labels) {
    for (auto const& label : labels) {
      octets_.push_back(static_cast<std::uint8_t>(label.size()));
      octets_.insert(octets_.end(), label.begin(), label.end());
    }
    octets_.push_back(0);
  }
  void put16(std::uint16_t n) {
    octets_.push_back(static_cast<std::uint8_t>(n >> 8U));
    octets_.push_back(static_cast<std::uint8_t>(n));
  }
  void put32(std::uint32_t n) {
    put16(static_cast<std::uint16_t>(n >> 16U));
    put16(static_cast<std::uint16_t>(n));
  }

  std::vector<std::uint8_t> octets_;
};

}  // namespace mailpool::fakes
