#pragma once
// Every SMTP command that leaves mailpool is built here (RFC 5321 4.1.1; command injection:
// CVE-2026-28753, CVE-2026-30227).

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace mailpool::wire {

enum class Charset : std::uint8_t {
  Ascii,  ///< %d32-126
  Utf8,   ///< and well-formed UTF-8, where the server has SMTPUTF8 (RFC 6531)
};

/// The longest command line, with CRLF: what Postfix and others take; RFC 3461 5.4 wants at least
/// 1036 octets.
inline constexpr std::size_t longest_command = 2048;

/// The longest address: beside it every parameter of MAIL and RCPT finds room, ENVID and ORCPT too.
inline constexpr std::size_t longest_path = longest_command - 640;

/// Whether `text` could be a piece of a command: no control characters, nothing outside `charset`.
[[nodiscard]] bool is_sendable(std::string_view text, Charset charset);

/// Whether `address` can stand between angle brackets and stays one path there: blanks and brackets
/// only inside a quoted string, which is closed; at most longest_path. Empty is the null sender.
[[nodiscard]] bool is_path(std::string_view address, Charset charset);

/// Appends the pieces and CRLF. False, and `out` as it was, if a piece is not sendable or the line
/// would be too long.
[[nodiscard]] bool append_command(std::string& out, std::initializer_list<std::string_view> pieces,
                                  Charset charset = Charset::Ascii);

/// `verb` is "MAIL FROM" or "RCPT TO", `parameters` are empty or begin with a blank. False as
/// above, or if `address` is no path.
[[nodiscard]] bool append_path_command(std::string& out, std::string_view verb,
                                       std::string_view address, std::string_view parameters,
                                       Charset charset);

}  // namespace mailpool::wire
