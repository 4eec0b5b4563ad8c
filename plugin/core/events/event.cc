#include "core/events/event.h"

#include "core/events/addresses.h"
#include "core/events/json_line.h"

namespace mailpool::events {
namespace {

JsonLine begin(Kind kind, WallTime at) {
  JsonLine line;
  line.time("time", at).text("kind", name_of(kind));
  return line;
}

void add(JsonLine& line, Tls const& tls) {
  if (tls.version.empty()) return;
  line.text("tls", tls.version).text("cipher", tls.cipher).text_if("proved", tls.proved);
  line.truth("resumed", tls.resumed);
}

template <class Event>
void add_path(JsonLine& line, Event const& event) {
  line.text("site", event.site).text("path", event.path).text_if("source", event.source);
}

void add_times(JsonLine& line, OutcomeEvent const& event) {
  line.span("delay", event.delay).span("dns", event.dns).span("wait", event.wait);
  line.span("connecting", event.connecting).span("transaction", event.transaction);
  if (event.use != 1) return;
  line.span("connect", event.connect);
  if (!event.tls.version.empty()) line.span("handshake", event.handshake);
}

void add_recipient(JsonLine& line, OutcomeEvent const& event, Form const& form) {
  if (form.addresses == EventAddresses::Full) line.text("recipient", event.recipient);
  if (form.addresses == EventAddresses::Hash)
    line.text("recipient_hash", hash_of_address(event.recipient, form.hash_key.reveal()));
  line.text("domain", event.domain);
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::Outcome:
      return "outcome";
    case Kind::ConnectionOpened:
      return "connection_opened";
    case Kind::ConnectionClosed:
      return "connection_closed";
    case Kind::Suspended:
      return "suspended";
    case Kind::Resumed:
      return "resumed";
    case Kind::AllowanceLowered:
      return "allowance_lowered";
    case Kind::AllowanceRaised:
      return "allowance_raised";
    case Kind::CapLearned:
      return "cap_learned";
    case Kind::RuleActed:
      return "rule_acted";
    case Kind::LoginRefused:
      return "login_refused";
    case Kind::ConfigurationApplied:
      return "configuration_applied";
  }
  return "";
}

std::string line_of(OutcomeEvent const& event, Form const& form, WallTime at) {
  auto line = begin(Kind::Outcome, at);
  auto const& outcome = *event.outcome;
  line.text("queue_id", event.queue_id).number("size", event.size);
  add_recipient(line, event, form);
  line.text("sender_domain", event.sender_domain).text_if("site", event.site);
  line.text_if("path", event.path).text_if("source", event.source);
  line.text_if("tenant", event.tenant).text_if("campaign", event.campaign);
  if (!event.endpoint.empty()) line.text("endpoint", event.endpoint).number("use", event.use);
  add(line, event.tls);
  add_times(line, event);
  line.text("result", name_of(outcome.kind));
  line.number("code", outcome.code).text("enhanced", outcome.enhanced.to_string());
  line.text("said_by", outcome.said_by_remote ? "remote" : "mailpool");
  if (outcome.ambiguous) line.truth("ambiguous", true);
  // Our own words and the remote's may quote the address that is not to be told.
  line.text("text", form.addresses == EventAddresses::Full
                        ? outcome.text
                        : without_recipient(outcome.text, event.recipient));
  line.text_if("class", event.reply_class).text_if("rule", event.rule);
  if (event.is_parked) line.truth("parked", true);
  if (event.was_woken) line.truth("woken", true);
  return line.take();
}

std::string line_of(Kind kind, ConnectionEvent const& event, WallTime at) {
  auto line = begin(kind, at);
  line.number("id", event.id);
  add_path(line, event);
  line.text("endpoint", event.endpoint);
  if (kind == Kind::ConnectionOpened) {
    add(line, event.tls);
    line.span("connect", event.connect);
    if (!event.tls.version.empty()) line.span("handshake", event.handshake);
    line.span("ready", event.ready);
  } else {
    line.text("reason", without_addresses(event.reason))
        .number("messages", event.messages)
        .span("age", event.age);
  }
  return line.take();
}

std::string line_of(Kind kind, SuspensionEvent const& event, WallTime at) {
  auto line = begin(kind, at);
  line.text("what", event.what).text("name", event.name).text_if("scope", event.scope);
  if (kind == Kind::Suspended) {
    line.text("reason", without_addresses(event.reason)).text("by", event.by);
    if (!event.is_endless) line.span("for", event.remains);
  }
  return line.take();
}

std::string line_of(Kind kind, AllowanceEvent const& event, WallTime at) {
  auto line = begin(kind, at);
  add_path(line, event);
  if (kind == Kind::CapLearned) {
    line.number("max_messages", event.max_messages);
  } else {
    line.text_if("rate", event.rate).number("max_connections", event.max_connections);
    line.number("percent", static_cast<std::uint64_t>(event.level * 100 + 0.5));
  }
  line.text_if("reason", without_addresses(event.reason));
  return line.take();
}

std::string line_of(RuleEvent const& event, WallTime at) {
  auto line = begin(Kind::RuleActed, at);
  add_path(line, event);
  line.text_if("scope", event.scope).text("rule", event.rule);
  line.text("action", event.action).span("for", event.lasts);
  line.text("reason", without_addresses(event.reason));
  line.text("reply", without_addresses(event.reply));
  return line.take();
}

std::string line_of(LoginEvent const& event, WallTime at) {
  auto line = begin(Kind::LoginRefused, at);
  line.text("login", event.login).text("endpoint", event.endpoint);
  line.text("reason", without_addresses(event.reason));
  return line.take();
}

std::string line_of(ConfigurationEvent const& event, WallTime at) {
  auto line = begin(Kind::ConfigurationApplied, at);
  line.text("file", event.file).number("warnings", event.warnings).truth("start", event.is_start);
  return line.take();
}

}  // namespace mailpool::events
