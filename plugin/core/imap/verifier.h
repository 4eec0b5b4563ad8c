#pragma once
// Whether a login is the one that the server last said yes to, without keeping the secret.

#include <array>
#include <string>
#include <string_view>

#include "core/base/hmac.h"
#include "core/base/sha256.h"
#include "core/imap/entropy.h"
#include "core/imap/login_request.h"

namespace mailpool::imap {

using Verifier = Sha256Digest;

/// A keyed hash: the key is made at the start of the process and never leaves its memory, so no
/// slow function is needed.
class VerifierMaker {
 public:
  explicit VerifierMaker(Entropy& entropy);
  /// Over everything that makes two logins the same one, each with its length before it.
  [[nodiscard]] Verifier of(std::string_view profile, LoginRequest const& request) const;

 private:
  Hmac<Sha256> hmac_;
};

/// In constant time; `known` may be null, which takes as long.
[[nodiscard]] bool is_same(Verifier const& given, Verifier const* known);

}  // namespace mailpool::imap
