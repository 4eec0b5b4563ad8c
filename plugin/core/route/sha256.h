#pragma once
// SHA-256 (FIPS 180-4), as core has no OpenSSL: names made by it cannot be made to collide by
// somebody's DNS records.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace mailpool::route {

[[nodiscard]] std::array<std::uint8_t, 32> sha256(std::string_view data);
/// The first `digits` hexadecimal digits (at most 64) of it.
[[nodiscard]] std::string sha256_hex(std::string_view data, std::size_t digits);

}  // namespace mailpool::route
