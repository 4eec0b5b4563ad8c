// The log line of a recipient, in the words that operators of Postfix look for.

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/delivery/delivery.h"

namespace mailpool::delivery {
namespace {

std::string_view status_of(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::Delivered:
      return "sent";
    case OutcomeKind::Deferred:
      return "deferred";
    case OutcomeKind::Refused:
      return "bounced";
  }
  return "deferred";
}

// The remote's own words stand alone where it took the message; a failure names who said it and to
// what.
std::string words_of(Outcome const& outcome) {
  static constexpr std::string_view said = " said: ";
  std::string_view text = outcome.text;
  auto const at = text.find(said);
  if (outcome.kind != OutcomeKind::Delivered || at == std::string_view::npos)
    return std::string(text);
  return fmt::format("250 {} {}", outcome.enhanced.to_string(), text.substr(at + said.size()));
}

// Up to two decimals, as Postfix prints delays.
std::string delay(Duration d) {
  auto s = fmt::format("{:.2f}", seconds(std::max(d, Duration::zero())));
  while (s.back() == '0') s.pop_back();
  if (s.back() == '.') s.pop_back();
  return s;
}

// Of what not every line has.
std::string named(std::string_view name, std::string_view value) {
  return value.empty() ? std::string() : fmt::format(", {}={}", name, value);
}

}  // namespace

std::string outcome_line(Message const& message, Recipient const& recipient, Outcome const& outcome,
                         std::string_view site, Relay const& relay, Timing const& timing,
                         TimePoint now) {
  auto const before = timing.started - timing.accepted;
  auto const connecting = std::min(timing.connecting, before);
  return fmt::format(
      "{}: to=<{}>, site={}{}{}{}{}, relay={}{}, delay={}, delays={}/{}/{}, dsn={}, status={} ({})",
      printable(message.envelope.queue_id, 64), printable(recipient.address, 320), site,
      named("tenant", message.envelope.tenant), named("campaign", message.envelope.campaign),
      named("source", relay.source), named("class", relay.reply_class),
      relay.name.empty() ? std::string_view("none") : std::string_view(relay.name),
      relay.uses > 1 ? fmt::format(", conn_use={}", relay.uses) : std::string(),
      delay(now - timing.accepted), delay(before - connecting), delay(connecting),
      delay(now - timing.started), outcome.enhanced.to_string(), status_of(outcome.kind),
      words_of(outcome));
}

}  // namespace mailpool::delivery
