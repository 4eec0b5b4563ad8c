#pragma once
// One mechanism's conversation (RFC 4422): challenges in, responses out, nothing of it encoded yet.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/sasl/mechanism.h"

namespace mailpool::sasl {

/// Who logs in, and with what.
struct Account {
  std::string user;
  Secret secret;  ///< the password, or the token of a mechanism that wants one
  std::string host;
  std::uint16_t port = 0;  ///< with the host: where the login is meant for (OAUTHBEARER says it)
  std::string nonce;       ///< printable, without commas, never used twice (SCRAM)
};

/// Dies with the login: what it holds is zeroed then.
class Exchange {
 public:
  virtual ~Exchange() = default;
  /// What the client says first; none where the server does.
  [[nodiscard]] virtual std::optional<Secret> initial() = 0;
  /// The response to a challenge; or why the login must not go on.
  [[nodiscard]] virtual Result<Secret> answer(std::string_view challenge) = 0;
  /// The server says that it is done: whether it has shown all that the mechanism asks of it.
  [[nodiscard]] virtual Result<void> accept() { return {}; }
};

/// Moves the account's secret into the exchange.
[[nodiscard]] std::unique_ptr<Exchange> begin(Mechanism mechanism, Account account);

}  // namespace mailpool::sasl
