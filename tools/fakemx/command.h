#pragma once
// Command lines of an SMTP client (RFC 5321 4.1, RFC 2033, RFC 3030, RFC 3207).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailpool::fakemx {

enum class Verb : std::uint8_t {
  Ehlo,
  Helo,
  Lhlo,
  Starttls,
  Auth,
  Mail,
  Rcpt,
  Data,
  Bdat,
  Rset,
  Noop,
  Vrfy,
  Expn,
  Help,
  Quit,
  Unknown,
};
inline constexpr std::size_t verb_count = 16;

[[nodiscard]] std::string_view name_of(Verb verb);

struct Command {
  Verb verb = Verb::Unknown;
  std::string_view argument;  ///< behind the verb and its blank
};

/// `line` without its line end.
[[nodiscard]] Command parse_command(std::string_view line);

/// "SIZE=1000": one parameter of MAIL or RCPT.
struct Parameter {
  std::string_view keyword;
  std::string_view value;
};

/// "FROM:<user@example.org> SIZE=1000".
struct PathArgument {
  std::string_view address;  ///< without the angle brackets; may be empty
  std::vector<Parameter> parameters;
};

/// Nothing if it is not `prefix` ("FROM:" or "TO:"), a path in angle brackets without control
/// characters, and parameters.
[[nodiscard]] std::optional<PathArgument> parse_path(std::string_view argument,
                                                     std::string_view prefix);

/// "1000 LAST".
struct BdatArgument {
  std::uint64_t size = 0;
  bool last = false;
};
[[nodiscard]] std::optional<BdatArgument> parse_bdat(std::string_view argument);

}  // namespace mailpool::fakemx
