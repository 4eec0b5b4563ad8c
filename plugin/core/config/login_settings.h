#pragma once
// [login.NAME]: how mailpool logs in to a smarthost. Where the secret is kept, never the secret.

#include <chrono>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/sasl/mechanism.h"

namespace mailpool {

struct LoginSettings {
  std::string user;
  // Exactly one of these three. A file that is no path is the name of a systemd credential.
  std::string password_file;
  std::string token_file;
  std::vector<std::string> token_command;       ///< program and arguments; its output is the token
  Duration refresh = std::chrono::minutes(10);  ///< how often a token is read again
  Duration command_timeout = std::chrono::seconds(20);
  Duration retry_after = std::chrono::minutes(5);  ///< a refused login is not tried before
  std::vector<sasl::Mechanism> mechanisms;  ///< empty: all for its kind of secret but CRAM-MD5
  bool allow_plaintext = false;

  [[nodiscard]] bool has_token() const { return password_file.empty(); }
  /// What may be used with this kind of secret.
  [[nodiscard]] std::vector<sasl::Mechanism> usable_mechanisms() const;
  bool operator==(LoginSettings const&) const = default;
};

}  // namespace mailpool
