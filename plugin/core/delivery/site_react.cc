// How a site follows what its servers say and hide: it hands what happened to its reactions, and
// carries out what they decide.

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/delivery/site.h"

namespace mailpool::delivery {

using pool::ConnectionState;

namespace {

// "" while it has none, or has not been given one of its pool's yet.
std::string_view source_of(Transaction const& transaction) {
  return transaction.source == nullptr ? std::string_view() : transaction.source->name();
}

Consequences joined(Consequences a, Consequences b) {
  if (b.suspend) a.suspend = std::move(b.suspend);
  if (b.back_off) a.back_off = std::move(b.back_off);
  a.is_changed = a.is_changed || b.is_changed;
  a.is_lowered = a.is_lowered || b.is_lowered;
  a.is_holding = a.is_holding || b.is_holding;
  return a;
}

}  // namespace

Consequences Site::react_to_end(SmtpConnection const& connection, Transaction const& transaction,
                                smtp::TransactionResult const& result, TimePoint now) {
  speed_.took(connection.endpoint(), now - transaction.timing.started, now);
  Occasion occasion;
  occasion.began = transaction.timing.started;
  occasion.opened = connection.opened_at();
  occasion.carried = connection.uses() - 1;
  occasion.is_soon = transaction.timing.started - connection.idle_since() < site::LearnedCap::soon;
  occasion.domain = transaction.domain;
  occasion.sender_domain = transaction.sender_domain;
  occasion.source = source_of(transaction);
  occasion.recipients = transaction.wire.recipients;
  auto consequences = reactions_.heard(result.remarks, occasion, now);
  if (result.lost_at == Step::Mail)
    consequences = joined(std::move(consequences), reactions_.ended(occasion, now));
  bool const is_delivered =
      std::any_of(result.results.begin(), result.results.end(),
                  [](auto const& r) { return r.outcome.kind == OutcomeKind::Delivered; });
  if (is_delivered)
    consequences = joined(std::move(consequences),
                          reactions_.delivered(occasion.began, connection.uses(), now));
  return consequences;
}

Consequences Site::react_to_close(SmtpConnection const& connection, smtp::Closed const& closed,
                                  TimePoint now) {
  Occasion occasion;
  occasion.began = occasion.opened = connection.opened_at();
  occasion.carried = connection.uses();
  occasion.is_soon = now - connection.last_heard() < site::LearnedCap::soon;
  if (closed.remark) return reactions_.heard({&*closed.remark, 1}, occasion, now);
  return closed.is_lost ? reactions_.ended(occasion, now) : Consequences{};
}

void Site::carry_out(Consequences consequences, SmtpConnection const* connection, TimePoint now) {
  if (consequences.is_changed) {
    rate_.reconfigure(reactions_.rate(), now);
    if (consequences.is_lowered) rate_.pause(now);
    be_pumped_at(now);
  }
  if (consequences.back_off && connection != nullptr) {
    auto const words = fmt::format("{}: backing_off: {}", connection->endpoint().to_string(),
                                   consequences.back_off->reason);
    health_.leave_alone(connection->endpoint(), Outcome::local(451, {4, 7, 1}, words),
                        consequences.back_off->until, now);
    be_pumped_at(now);
  }
  if (consequences.is_holding) defer_held(now);
  // An operator's suspension is not cut short by a rule.
  if (consequences.suspend && (!suspension_ || suspension_->until < consequences.suspend->until))
    suspend(std::move(*consequences.suspend), now);
}

site::Suspension const* Site::held(Transaction const& transaction, TimePoint now) const {
  if (reactions_.holds().empty()) return nullptr;
  return reactions_.held(transaction.sender_domain, source_of(transaction), now);
}

void Site::defer_held(TimePoint now) {
  std::vector<Transaction*> all;
  waiting_.for_each([&](Transaction& t) {
    if (held(t, now) != nullptr) all.push_back(&t);
  });
  for (auto* transaction : all) {
    waiting_.remove(*transaction);
    defer(*transaction, suspended(name_, *held(*transaction, now), context_.clock),
          parking::Why::Suspended, now);
  }
}

void Site::close_left_alone(TimePoint now) {
  std::vector<SmtpConnection*> all;
  for (auto const& c : pool_.in(ConnectionState::Idle)) {
    auto& connection = static_cast<SmtpConnection&>(*c);
    if (health_.is_left_alone(connection.endpoint(), now)) all.push_back(&connection);
  }
  for (auto* connection : all) close(*connection, "backing_off", now);
}

// What is more than is allowed now, or stands at a host that is left alone.
void Site::close_excess(TimePoint now) {
  close_left_alone(now);
  auto const& idle = pool_.in(ConnectionState::Idle);
  while (!idle.empty() && pool_.open() > reactions_.max_connections())
    close(static_cast<SmtpConnection&>(*idle.back()), "max_connections", now);
}

// No more idle connections than the recent traffic had a use for. The oldest go first; what was in
// use lately is part of that traffic, whichever host, source or login it is for.
void Site::close_surplus(TimePoint now) {
  auto const& idle = pool_.in(ConnectionState::Idle);
  auto const busy = pool_.count(ConnectionState::Busy);
  auto const justified = std::max<std::size_t>(peak_.most(now), 1);
  auto const spare = justified > busy ? justified - busy : 0;
  while (idle.size() > std::max<std::size_t>(spare, settings_.min_idle) &&
         surplus_from(*idle.back()) <= now)
    close(static_cast<SmtpConnection&>(*idle.back()), "surplus", now);
}

TimePoint Site::next_surplus(TimePoint now) const {
  auto const& idle = pool_.in(ConnectionState::Idle);
  if (idle.size() <= std::max<std::size_t>(settings_.min_idle, 1)) return never;
  auto const from = surplus_from(*idle.back());
  return from > now ? from : peak_.next_change(now);
}

TimePoint Site::surplus_from(pool::Connection const& idle) const {
  return after(idle.idle_since(), settings_.idle_timeout / 2);
}

// Among hosts that are as good as `first` to the route, connections go to the quicker ones more
// often.
route::Target const* Site::quicker_of(std::vector<route::Target const*> const& equal,
                                      TimePoint now) const {
  std::vector<site::EndpointName> endpoints;
  bool is_any_known = false;
  for (auto const* target : equal) {
    endpoints.push_back({target->host, target->address, target->port});
    is_any_known = is_any_known || speed_.average(endpoints.back(), now).has_value();
  }
  if (equal.size() < 2 || !is_any_known) return equal.front();
  auto const weights = speed_.weights(endpoints, now);
  std::uint32_t sum = 0;
  for (auto weight : weights) sum += weight;
  return equal[site::chosen(weights, context_.random.number(sum))];
}

}  // namespace mailpool::delivery
