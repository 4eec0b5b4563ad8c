#pragma once
// SCRAM-SHA-256 (RFC 5802, 7677) without channel binding: the password is proved, never shown; and
// the server must prove in its final message that it knows it too.
//
//   client-first    n,,n=USER,r=NONCE
//   server-first    r=NONCE...,s=SALT,i=ITERATIONS
//   client-final    c=biws,r=NONCE...,p=PROOF
//   server-final    v=SIGNATURE  or  e=ERROR

#include <cstdint>
#include <string>
#include <string_view>

#include "core/sasl/exchange.h"

namespace mailpool::sasl {

/// Fewer make guessing cheap for whoever plays the server (RFC 7677 4); more would hold up the
/// loop: fifty thousand take libcrypto 12 ms, 20 ms on processors without instructions for SHA.
inline constexpr std::uint32_t fewest_iterations = 4096;
inline constexpr std::uint32_t most_iterations = 50'000;

class Scram final : public Exchange {
 public:
  explicit Scram(Account account);
  [[nodiscard]] std::optional<Secret> initial() override;
  [[nodiscard]] Result<Secret> answer(std::string_view challenge) override;
  /// Only once the server's signature was right.
  [[nodiscard]] Result<void> accept() override;

 private:
  enum class Step : std::uint8_t { Begin, FirstSent, FinalSent, Verified };

  Result<Secret> prove(std::string_view server_first);
  Result<Secret> verify(std::string_view server_final);

  Account account_;
  Step step_ = Step::Begin;
  std::string first_bare_;
  Secret expected_;  ///< the server's signature, in base64
};

/// A user name as SCRAM and OAUTHBEARER write it: "," and "=" escaped.
[[nodiscard]] std::string scram_name(std::string_view user);

}  // namespace mailpool::sasl
