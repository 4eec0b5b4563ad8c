#pragma once
// What a server said that is not a yes, as it said it: what rules and our own reactions look at.
// Nothing of mailpool's own making is ever one.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mailpool {

/// Where in the conversation it was said; the words of [[rule]] at.
enum class Step : std::uint8_t {
  Connect,  ///< the greeting
  Ehlo,     ///< EHLO, HELO or STARTTLS
  Mail,
  Rcpt,
  Data,
  End,   ///< end of data, or the body itself
  Idle,  ///< between two transactions
};
[[nodiscard]] std::string_view name_of(Step step);

/// A 4xx or 5xx reply.
struct Remark {
  Step at = Step::Connect;
  std::uint16_t code = 0;
  std::string line;           ///< printable, "421 4.7.0 Try again later", at most 512 octets
  std::size_t recipient = 0;  ///< at Rcpt: which of the transaction's
  /// What we had said: addresses, their domains, our name. A server repeats them, and they mean
  /// nothing of it.
  std::vector<std::string> said{};
};

/// The line as it is searched: the server's own words alone. What we said, addresses, and text in
/// angle brackets are "..." there, whatever words they hold. In the letters of the line.
[[nodiscard]] std::string own_words(std::string_view line, std::span<std::string const> said = {});
[[nodiscard]] std::string own_words(Remark const& remark);

}  // namespace mailpool
