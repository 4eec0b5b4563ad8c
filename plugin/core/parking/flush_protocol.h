#pragma once
// How Postfix is asked to try one deferred message now: the service flush(8), request `send_file`,
// in Postfix's attribute protocol (NAME NUL VALUE NUL, an empty name ends the list). One request a
// connection. From Postfix 3.6 on the server speaks first and names its protocol; before, it waits.

#include <cstdint>
#include <string>
#include <string_view>

namespace mailpool::parking {

/// The request for a message; the id is one (is_wakeable_id).
[[nodiscard]] std::string wake_request(std::string_view queue_id);

enum class WakeAnswer : std::uint8_t {
  Incomplete,  ///< more is to come
  Done,        ///< also where no such message waits
  Refused,     ///< the service says that the request is bad
  Garbage,     ///< it is no flush service
};

/// What all that has come so far says. No answer is longer than 4096 octets.
[[nodiscard]] WakeAnswer read_wake_answer(std::string_view octets);

}  // namespace mailpool::parking
