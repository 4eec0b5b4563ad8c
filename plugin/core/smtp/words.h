#pragma once
// What recipients are told in mailpool's own words when a server fails them.

#include <string_view>

#include "core/message/outcome.h"
#include "core/smtp/verdicts.h"

namespace mailpool::smtp {

/// For what is no reply: Lost, TimedOut, Nonsense. `doing` is a sentence_of(), `how` the details,
/// which may be the server's.
[[nodiscard]] Outcome failure_of(std::string_view relay, Sign sign, std::string_view doing,
                                 std::string_view how);
/// A remote refusal that must not bounce mail: 451 with the remote's words.
[[nodiscard]] Outcome as_deferred(Outcome outcome);
/// 451 4.4.2, "message may be delivered more than once".
[[nodiscard]] Outcome as_ambiguous(Outcome outcome);

}  // namespace mailpool::smtp
