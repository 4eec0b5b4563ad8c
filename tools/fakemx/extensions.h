#pragma once
// The SMTP extensions that fakemx speaks.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mailpool::fakemx {

enum class Extension : std::uint8_t {
  Pipelining,           // RFC 2920
  Chunking,             // RFC 3030, without BINARYMIME
  EightBitMime,         // RFC 6152
  Smtputf8,             // RFC 6531
  Size,                 // RFC 1870
  EnhancedStatusCodes,  // RFC 2034
  Starttls,             // RFC 3207
  Limits,               // RFC 9422: MAILMAX and RCPTMAX
  Requiretls,           // RFC 8689: under TLS alone
  Auth,                 // RFC 4954: PLAIN and LOGIN
};

inline constexpr std::array<std::string_view, 10> extension_names{
    "PIPELINING",          "CHUNKING", "8BITMIME", "SMTPUTF8",   "SIZE",
    "ENHANCEDSTATUSCODES", "STARTTLS", "LIMITS",   "REQUIRETLS", "AUTH"};

/// Any number of them.
class ExtensionSet {
 public:
  [[nodiscard]] static constexpr ExtensionSet all() {
    ExtensionSet set;
    set.bits_ = 0x3ff;
    return set;
  }
  [[nodiscard]] constexpr bool has(Extension e) const { return (bits_ & bit(e)) != 0; }
  constexpr void add(Extension e) { bits_ = static_cast<std::uint16_t>(bits_ | bit(e)); }
  constexpr void remove(Extension e) { bits_ = static_cast<std::uint16_t>(bits_ & ~bit(e)); }

 private:
  static constexpr std::uint16_t bit(Extension e) {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(e));
  }
  std::uint16_t bits_ = 0;
};

[[nodiscard]] constexpr std::string_view name_of(Extension e) {
  return extension_names[static_cast<std::size_t>(e)];
}

/// By EHLO keyword, in any case of letters.
[[nodiscard]] std::optional<Extension> extension_named(std::string_view name);

}  // namespace mailpool::fakemx
