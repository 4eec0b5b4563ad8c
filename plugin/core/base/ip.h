#pragma once
// An IP address, without sockets.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailpool {

/// IPv4 or IPv6; a v4-mapped IPv6 address stays what it is until unmapped() is asked for.
class IpAddress {
 public:
  enum class Family : std::uint8_t { V4, V6 };

  IpAddress() = default;  ///< 0.0.0.0
  static IpAddress v4(std::array<std::uint8_t, 4> octets);
  static IpAddress v6(std::array<std::uint8_t, 16> octets, std::uint32_t scope = 0);
  /// "192.0.2.1", "2001:db8::1"; no brackets, no port, no scope.
  static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] Family family() const { return family_; }
  [[nodiscard]] bool is_v4() const { return family_ == Family::V4; }
  /// 16 octets; a V4 address uses the first four.
  [[nodiscard]] std::array<std::uint8_t, 16> const& octets() const { return octets_; }
  [[nodiscard]] std::uint32_t scope() const { return scope_; }  ///< IPv6 scope id, 0 for none
  /// The IPv4 address inside ::ffff:0:0/96, ::/96 (deprecated), 64:ff9b::/96 and 64:ff9b:1::/48
  /// (NAT64) or 2002::/16 (6to4); else itself.
  [[nodiscard]] IpAddress unmapped() const;
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(IpAddress const&) const = default;

 private:
  std::array<std::uint8_t, 16> octets_{};
  std::uint32_t scope_ = 0;
  Family family_ = Family::V4;
};

/// A prefix such as 127.0.0.0/8; matches the unmapped form of an address too.
class IpNetwork {
 public:
  /// "10.0.0.0/8", "::1/128", or a bare address.
  static std::optional<IpNetwork> parse(std::string_view text);
  [[nodiscard]] bool contains(IpAddress const& address) const;
  [[nodiscard]] std::string to_string() const;
  bool operator==(IpNetwork const&) const = default;

 private:
  [[nodiscard]] bool contains_exactly(IpAddress const& address) const;
  IpAddress prefix_;
  unsigned bits_ = 32;
};

}  // namespace mailpool
