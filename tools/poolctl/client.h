#pragma once
// The other end of the control socket: asks, and waits for the answer.

#include <cstdint>
#include <string>

#include "core/control/json.h"
#include "core/control/request.h"

namespace mailpool::poolctl {

/// What became of a question.
struct Reply {
  enum class Kind : std::uint8_t {
    Done,     ///< `text` is the JSON of the result
    Refused,  ///< `text` is why, in the manager's words
    Away,     ///< `text` is why nothing answers, in ours
  };
  Kind kind = Kind::Away;
  std::string text;
};

/// Connects to the Unix socket at `path`, asks, and waits at most 75 s: longer than an explanation
/// may take. Answers beyond 64 MiB are not read.
[[nodiscard]] Reply ask(std::string const& path, control::Request const& request);

}  // namespace mailpool::poolctl
