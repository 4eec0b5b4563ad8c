#pragma once
// A login in the form that SMTP and IMAP carry it: a mechanism chosen from what the server offers,
// its messages in base64.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/sasl/exchange.h"
#include "core/sasl/mechanism.h"

namespace mailpool::sasl {

class Authentication {
 public:
  /// `allowed`: what the operator lets be used; the order of preference is mailpool's own.
  Authentication(Account account, std::vector<Mechanism> allowed);

  /// `offered`: names between blanks, as a server announces them. Fails where none will do. Called
  /// once, before all else.
  [[nodiscard]] Result<Mechanism> choose(std::string_view offered);
  /// What follows AUTH: "PLAIN AHRpbQB0...", the response left out where the line would be longer
  /// than SMTP allows a command to be (it is given to an empty challenge then, RFC 4954 4).
  [[nodiscard]] Secret command();
  /// The line that answers a challenge, which is in base64. No login takes more than eight.
  [[nodiscard]] Result<Secret> answer(std::string_view challenge);
  /// The server says that the login succeeded: whether to believe it.
  [[nodiscard]] Result<void> accept();
  /// The text without whatever of the login a server has put into it, in any spelling.
  [[nodiscard]] std::string redacted(std::string_view text) const;

 private:
  Secret encoded(Secret const& response);

  Account account_;
  std::vector<Mechanism> allowed_;
  Mechanism mechanism_ = Mechanism::Plain;
  std::unique_ptr<Exchange> exchange_;
  std::optional<Secret> held_back_;  ///< the initial response, where the server asks for it
  std::vector<Secret> said_;
  unsigned challenges_ = 0;
};

}  // namespace mailpool::sasl
