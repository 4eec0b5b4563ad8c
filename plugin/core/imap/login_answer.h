#pragma once
// What a server's no to a login says of the secret: the one table of codes and words.

#include <cstdint>
#include <string_view>

namespace mailpool::imap {

enum class LoginAnswer : std::uint8_t {
  WrongSecret,  ///< the code for it, or plain words
  NotNow,       ///< a limit, or a server that cannot look: the secret may be right
  Unclear,      ///< neither: it proves nothing
};

/// Of the text behind NO or BAD: "[ALERT] Too many simultaneous connections. (Failure)".
[[nodiscard]] LoginAnswer read_login_answer(std::string_view text);

}  // namespace mailpool::imap
