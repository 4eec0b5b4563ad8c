#pragma once
// A client's command line, taken apart (RFC 5321 4.1.1, RFC 2033, and Postfix's XFORWARD).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace mailpool::wire {

enum class Verb : std::uint8_t {
  Lhlo,
  Helo,
  Ehlo,
  Mail,
  Rcpt,
  Data,
  Rset,
  Noop,
  Vrfy,
  Expn,
  Help,
  Quit,
  Xforward,
  Starttls,
  Auth,
  Bdat,
  Unknown,
};
[[nodiscard]] std::string_view name_of(Verb verb);

/// Views into the line it was parsed from.
struct Command {
  Verb verb = Verb::Unknown;
  std::string_view argument;  ///< what follows the verb, without blanks around it
};
/// `line` without its CRLF. Never fails: what it does not know is Unknown.
[[nodiscard]] Command parse_command(std::string_view line);

struct Parameter {
  std::string_view name;
  std::string_view value;  ///< empty where there is no "="
  bool has_value = false;
};

/// The argument of MAIL and RCPT: "FROM:<user@example.org> SIZE=1000".
struct PathArgument {
  std::string_view
      mailbox;  ///< between the angle brackets, a source route taken off (RFC 5321 appendix C)
  std::vector<Parameter> parameters;
};
/// `keyword` is "FROM:" or "TO:". Whether the mailbox is one is not asked here. At most 16
/// parameters.
[[nodiscard]] Result<PathArgument> parse_path(std::string_view argument, std::string_view keyword);

/// "NAME=value NAME=value", as after MAIL's path and in XFORWARD. At most 16.
[[nodiscard]] Result<std::vector<Parameter>> parse_parameters(std::string_view text);

/// RFC 3461 4: "+2B" is "+". Nothing where it is not xtext.
[[nodiscard]] std::optional<std::string> decode_xtext(std::string_view text);

}  // namespace mailpool::wire
