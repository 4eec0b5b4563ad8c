#include "core/base/ip.h"

#include <arpa/inet.h>  // inet_pton and inet_ntop are pure text functions

#include <algorithm>

#include "core/base/text.h"

namespace mailpool {

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> octets) {
  IpAddress a;
  std::copy(octets.begin(), octets.end(), a.octets_.begin());
  return a;
}

IpAddress IpAddress::v6(std::array<std::uint8_t, 16> octets, std::uint32_t scope) {
  IpAddress a;
  a.octets_ = octets;
  a.scope_ = scope;
  a.family_ = Family::V6;
  return a;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  std::string const s(text);
  if (s.size() > 45 || s.find('\0') != std::string::npos) return std::nullopt;
  std::array<std::uint8_t, 16> raw{};
  if (inet_pton(AF_INET, s.c_str(), raw.data()) == 1) return v4({raw[0], raw[1], raw[2], raw[3]});
  if (inet_pton(AF_INET6, s.c_str(), raw.data()) == 1) return v6(raw);
  return std::nullopt;
}

IpAddress IpAddress::unmapped() const {
  if (is_v4()) return *this;
  static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr std::array<std::uint8_t, 12> nat64{0, 0x64, 0xff, 0x9b};
  static constexpr std::array<std::uint8_t, 6> local_nat64{0, 0x64, 0xff, 0x9b, 0, 1};
  static constexpr std::array<std::uint8_t, 12> compatible{};
  static constexpr std::array<std::uint8_t, 2> six_to_four{0x20, 0x02};
  auto starts_with = [this](auto const& p) {
    return std::equal(p.begin(), p.end(), octets_.begin());
  };
  auto v4_at = [this](std::size_t i) {
    return v4({octets_[i], octets_[i + 1], octets_[i + 2], octets_[i + 3]});
  };
  bool const is_special =
      octets_[12] == 0 && octets_[13] == 0 && octets_[14] == 0 && octets_[15] <= 1;
  if (starts_with(mapped) || starts_with(nat64) || starts_with(local_nat64)) return v4_at(12);
  if (starts_with(compatible) && !is_special) return v4_at(12);
  return starts_with(six_to_four) ? v4_at(2) : *this;
}

std::string IpAddress::to_string() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  inet_ntop(is_v4() ? AF_INET : AF_INET6, octets_.data(), buffer, sizeof buffer);
  return buffer;
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  auto const slash = text.find('/');
  auto const address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  IpNetwork network;
  network.prefix_ = *address;
  unsigned const width = address->is_v4() ? 32 : 128;
  network.bits_ = width;
  if (slash != std::string_view::npos) {
    auto const bits = to_number(text.substr(slash + 1));
    if (!bits || *bits > width) return std::nullopt;
    network.bits_ = static_cast<unsigned>(*bits);
  }
  return network;
}

bool IpNetwork::contains(IpAddress const& address) const {
  return contains_exactly(address) || contains_exactly(address.unmapped());
}

bool IpNetwork::contains_exactly(IpAddress const& address) const {
  if (address.family() != prefix_.family()) return false;
  for (unsigned i = 0; i < bits_; ++i) {
    auto const mask = static_cast<std::uint8_t>(0x80U >> (i % 8));
    if ((address.octets()[i / 8] & mask) != (prefix_.octets()[i / 8] & mask)) return false;
  }
  return true;
}

std::string IpNetwork::to_string() const {
  return prefix_.to_string() + "/" + std::to_string(bits_);
}

}  // namespace mailpool
