#include "core/delivery/telling.h"

#include <algorithm>

#include "core/delivery/smtp_connection.h"

namespace mailpool::delivery {
namespace {

std::string_view source_of(SmtpConnection const& connection) {
  return connection.source() == nullptr ? std::string_view() : connection.source()->name();
}

// `proved` is borrowed by what comes of it.
events::Tls tls_of(SmtpConnection const& connection, std::string& proved) {
  auto const& facts = connection.tls();
  if (!facts.is_encrypted()) return {};
  proved = tls::verified_how(facts, connection.target().host);
  return {facts.version, facts.cipher, proved, facts.resumed};
}

void add_times(events::OutcomeEvent& event, Ending const& ending, TimePoint now) {
  auto const& timing = ending.timing;
  event.delay = now - timing.accepted;
  event.dns = timing.dns();
  event.connecting = timing.connection();
  event.wait = timing.wait();
  event.transaction = now - timing.started;
}

void add_connection(events::OutcomeEvent& event, SmtpConnection const& connection,
                    std::string& proved) {
  event.source = source_of(connection);
  event.use = connection.uses();
  event.tls = tls_of(connection, proved);
  event.connect = connection.connect_took();
  event.handshake = connection.handshake_took();
}

void tell(Context& context, events::Kind kind, events::ConnectionEvent const& event,
          TimePoint now) {
  context.events.tell(kind, event, context.clock.wall(now));
}

}  // namespace

void tell_outcome(Context& context, Ending const& ending, TimePoint now) {
  if (!context.events.is_on()) return;
  auto const& envelope = ending.message.envelope;
  auto const path = ending.relay.path.key();
  std::string proved;
  events::OutcomeEvent event;
  event.queue_id = envelope.queue_id;
  event.size = ending.message.body.size();
  event.recipient = ending.recipient.address;
  event.domain = ending.recipient.domain;
  event.sender_domain = envelope.sender_domain;
  event.tenant = envelope.tenant;
  event.campaign = envelope.campaign;
  event.endpoint = ending.relay.name;
  event.outcome = &ending.outcome;
  event.reply_class = ending.relay.reply_class;
  event.is_parked = ending.relay.is_parked;
  if (ending.transaction != nullptr) {
    event.site = ending.site;
    event.path = path;
    event.rule = ending.transaction->rule;
    event.was_woken = ending.transaction->was_woken;
    if (ending.transaction->source != nullptr) event.source = ending.transaction->source->name();
  }
  add_times(event, ending, now);
  if (ending.relay.connection != nullptr) add_connection(event, *ending.relay.connection, proved);
  context.events.tell(event, context.clock.wall(now));
}

void tell_opened(Context& context, PathName const& path, SmtpConnection const& connection,
                 TimePoint now) {
  if (!context.events.is_on()) return;
  auto const endpoint = connection.endpoint().to_string();
  auto const key = path.key();
  std::string proved;
  events::ConnectionEvent event;
  event.id = connection.id();
  event.site = path.site;
  event.path = key;
  event.endpoint = endpoint;
  event.source = source_of(connection);
  event.tls = tls_of(connection, proved);
  event.connect = connection.connect_took();
  event.handshake = connection.handshake_took();
  event.ready = connection.connecting_took();
  tell(context, events::Kind::ConnectionOpened, event, now);
}

void tell_closed(Context& context, PathName const& path, SmtpConnection const& connection,
                 std::string_view reason, TimePoint now) {
  if (!context.events.is_on()) return;
  auto const endpoint = connection.endpoint().to_string();
  auto const key = path.key();
  events::ConnectionEvent event;
  event.id = connection.id();
  event.site = path.site;
  event.path = key;
  event.endpoint = endpoint;
  event.source = source_of(connection);
  event.reason = reason;
  event.messages = connection.uses();
  event.age = now - connection.opened_at();
  tell(context, events::Kind::ConnectionClosed, event, now);
}

void tell_suspended(Context& context, site::Suspended const& what,
                    site::Suspension const& suspension, TimePoint now) {
  bool const is_endless = suspension.until == never;
  events::SuspensionEvent const event{
      what.what,         what.name,     what.scope,
      suspension.reason, suspension.by, is_endless ? Duration{} : suspension.until - now,
      is_endless};
  context.events.tell(events::Kind::Suspended, event, context.clock.wall(now));
}

void tell_resumed(Context& context, site::Suspended const& what, TimePoint now) {
  events::SuspensionEvent event;
  event.what = what.what;
  event.name = what.name;
  event.scope = what.scope;
  context.events.tell(events::Kind::Resumed, event, context.clock.wall(now));
}

void tell_allowance(Context& context, events::Kind kind, PathName const& path,
                    site::Adaptive const& adaptive, TimePoint now) {
  if (!context.events.is_on()) return;
  auto const rate = adaptive.rate().is_limited() ? adaptive.rate().to_string() : std::string();
  auto const key = path.key();
  events::AllowanceEvent const event{path.site,
                                     key,
                                     path.source,
                                     rate,
                                     adaptive.connections(),
                                     0,
                                     adaptive.level(),
                                     kind == events::Kind::AllowanceLowered
                                         ? std::string_view(adaptive.why())
                                         : std::string_view()};
  context.events.tell(kind, event, context.clock.wall(now));
}

void tell_cap(Context& context, PathName const& path, std::uint32_t most, TimePoint now) {
  auto const key = path.key();
  events::AllowanceEvent event;
  event.site = path.site;
  event.path = key;
  event.source = path.source;
  event.max_messages = most;
  context.events.tell(events::Kind::CapLearned, event, context.clock.wall(now));
}

void tell_rule(Context& context, events::RuleEvent const& event, TimePoint now) {
  context.events.tell(event, context.clock.wall(now));
}

void tell_login(Context& context, events::LoginEvent const& event, TimePoint now) {
  context.events.tell(event, context.clock.wall(now));
}

}  // namespace mailpool::delivery
