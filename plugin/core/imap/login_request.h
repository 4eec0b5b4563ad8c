#pragma once
// Who a client says it is.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/secret.h"

namespace mailpool::imap {

/// What kind of secret it is; the spelling and the mechanism's name make no difference.
enum class SecretKind : std::uint8_t {
  Password,
  Token,
  External,  ///< the profile's client certificate; there is no secret to be said
};
[[nodiscard]] std::string_view name_of(SecretKind kind);

struct LoginRequest {
  std::string user;
  std::string authzid;  ///< whom to act as, "" for the user itself
  SecretKind kind = SecretKind::Password;
  Secret secret;

  [[nodiscard]] LoginRequest copy() const { return {user, authzid, kind, secret.copy()}; }
};

/// Longer names and secrets are nobody's.
inline constexpr std::size_t longest_user = 512;
inline constexpr std::size_t longest_secret = 16384;
/// Printable enough to be carried to a server: no NUL, CR or LF, and not over long.
[[nodiscard]] bool is_possible(LoginRequest const& request);

}  // namespace mailpool::imap
