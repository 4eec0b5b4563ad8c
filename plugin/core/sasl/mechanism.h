#pragma once
// The SASL mechanisms that mailpool can log in with, by their registered names.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mailpool::sasl {

/// In the order of preference: what reveals least first.
enum class Mechanism : std::uint8_t {
  ScramSha256,  ///< RFC 7677: the password stays here, and the server proves that it knows it too
  OAuthBearer,  ///< RFC 7628
  XOAuth2,      ///< what OAUTHBEARER was before it was one
  CramMd5,      ///< RFC 2195: obsolete; hashes that a listener can guess at
  Plain,        ///< RFC 4616
  Login,        ///< PLAIN in two steps, for servers that know nothing else
};
inline constexpr std::array all_mechanisms{Mechanism::ScramSha256, Mechanism::OAuthBearer,
                                           Mechanism::XOAuth2,     Mechanism::CramMd5,
                                           Mechanism::Plain,       Mechanism::Login};

/// "SCRAM-SHA-256"
[[nodiscard]] std::string_view name_of(Mechanism mechanism);
/// Whether it is made for a bearer token instead of a password.
[[nodiscard]] bool wants_token(Mechanism mechanism);

}  // namespace mailpool::sasl
