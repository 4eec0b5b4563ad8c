#pragma once
// What a profile's server offers, as far as it is known before anybody asks.

#include <optional>
#include <string>
#include <string_view>

#include "core/imap/capabilities.h"
#include "core/imap/login_request.h"

namespace mailpool::imap {

/// Whether a server that lists these before the login takes a secret of this kind.
[[nodiscard]] bool takes(Capabilities const& before_login, SecretKind kind);

struct Offer {
  Capabilities after_login;
  std::optional<Capabilities> before_login;  ///< none: not known yet

  /// For a client that is not logged in: the list after login, since some clients ask only once,
  /// and the logins that the server would take. Where that is not known, all.
  [[nodiscard]] std::string for_greeting() const;
  /// For a record that survives a restart.
  [[nodiscard]] std::string to_record() const;
  /// Nothing where it cannot be what to_record() has written. A record of one list only has the
  /// one after login.
  [[nodiscard]] static std::optional<Offer> from_record(std::string_view record);
};

}  // namespace mailpool::imap
