#include "core/smtp/words.h"

#include <fmt/format.h>

#include "core/base/text.h"

namespace mailpool::smtp {

Outcome failure_of(std::string_view relay, Sign sign, std::string_view doing,
                   std::string_view how) {
  constexpr EnhancedCode connection_dropped{4, 4, 2};
  constexpr EnhancedCode protocol_violated{4, 5, 0};
  auto const what = printable(how, 200);
  if (sign == TimedOut)
    return Outcome::local(451, connection_dropped,
                          fmt::format("conversation with {} timed out while {}", relay, doing));
  if (sign == Lost || sign == LostMidReply)
    return Outcome::local(451, connection_dropped,
                          fmt::format("lost connection with {} while {} ({})", relay, doing, what));
  return Outcome::local(451, protocol_violated,
                        fmt::format("{} broke the protocol while {}: {}", relay, doing, what));
}

Outcome as_deferred(Outcome outcome) {
  if (outcome.kind == OutcomeKind::Deferred) return outcome;
  outcome.kind = OutcomeKind::Deferred;
  outcome.code = 451;
  outcome.enhanced.klass = 4;
  return outcome;
}

Outcome as_ambiguous(Outcome outcome) {
  outcome.enhanced = {4, 4, 2};
  outcome.text += " -- message may be delivered more than once";
  outcome.ambiguous = true;
  return outcome;
}

}  // namespace mailpool::smtp
