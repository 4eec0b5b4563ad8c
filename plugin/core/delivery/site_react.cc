// How a site follows what its servers say and hide: it hands what happened to its reactions, and
// carries out what they decide.

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/delivery/site.h"
#include "core/delivery/warm_up_answer.h"

namespace mailpool::delivery {

using pool::ConnectionState;

namespace {

Consequences joined(Consequences a, Consequences b) {
  if (b.suspend) a.suspend = std::move(b.suspend);
  if (!b.rule.empty()) a.rule = std::move(b.rule);
  if (b.back_off) a.back_off = std::move(b.back_off);
  a.is_changed = a.is_changed || b.is_changed;
  a.is_lowered = a.is_lowered || b.is_lowered;
  return a;
}

}  // namespace

bool is_any_delivered(smtp::TransactionResult const& result) {
  return std::any_of(result.results.begin(), result.results.end(),
                     [](auto const& r) { return r.outcome.kind == OutcomeKind::Delivered; });
}

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
  occasion.tenant = transaction.tenant;
  occasion.campaign = transaction.campaign;
  if (connection.source() != nullptr) occasion.source = connection.source()->name();
  occasion.recipients = transaction.wire.recipients;
  auto& reactions = judged_path(connection).reactions;
  auto consequences = reactions.heard(result.remarks, occasion, now);
  if (result.lost_at == Step::Mail)
    consequences = joined(std::move(consequences), reactions.ended(occasion, now));
  if (is_any_delivered(result))
    consequences = joined(std::move(consequences),
                          reactions.delivered(occasion.began, connection.uses(), now));
  return consequences;
}

Consequences Site::react_to_close(SmtpConnection const& connection, smtp::Closed const& closed,
                                  TimePoint now) {
  Occasion occasion;
  occasion.began = occasion.opened = connection.opened_at();
  occasion.carried = connection.uses();
  if (connection.source() != nullptr) occasion.source = connection.source()->name();
  occasion.is_soon = now - connection.last_heard() < site::LearnedCap::soon;
  auto& reactions = judged_path(connection).reactions;
  if (closed.remark) {
    // Between two messages it is about none of them, and a server may end a connection as it likes.
    if (closed.remark->at != Step::Idle)
      answer_warm_up(connection, {&*closed.remark, 1}, false, now);
    return reactions.heard({&*closed.remark, 1}, occasion, now);
  }
  return closed.is_lost ? reactions.ended(occasion, now) : Consequences{};
}

// Kept by source and site, as providers see it, also where limits are counted over all sources.
void Site::answer_warm_up(SmtpConnection const& connection, std::span<Remark const> remarks,
                          bool is_delivered, TimePoint now) {
  auto* const source = connection.source();
  if (source == nullptr || !source->warm_up.plan().is_planned()) return;
  auto& judge = judged_site(connection);
  auto const answer = warm_up_answer(remarks, is_delivered, *context_.replies, judge.name_);
  auto const day = context_.today(now).day;
  judge.note_warm_up(*source, source->warm_up.answered(judge.name_, answer, day), now);
}

void Site::carry_out(Consequences consequences, Path& path, SmtpConnection const* connection,
                     TimePoint now) {
  if (consequences.is_changed) {
    path.follow(now);
    if (consequences.is_lowered) path.scope.rate.pause(now);
    be_pumped_at(now);
    tell_guests(now);
  }
  if (consequences.set_for_all) {
    all_paths_.set(std::move(*consequences.set_for_all), now);
    count_all_paths();
    be_pumped_at(now);
    tell_guests(now);
  }
  if (consequences.back_off && connection != nullptr) {
    auto const leave = [&](Path& each) {
      leave_alone(each, connection->endpoint(), *consequences.back_off, now);
    };
    consequences.is_for_all_paths ? paths_.visit(leave) : leave(path);
    be_pumped_at(now);
    tell_guests(now);
  }
  // What an operator has suspended is not given back sooner by a rule.
  if (auto& part = consequences.hold; part && !holds_.lasts(part->scope, part->why.until))
    hold(part->scope, std::move(part->why), now);
  if (consequences.suspend_source && connection != nullptr && connection->source() != nullptr)
    context_.sources_to_suspend.emplace_back(connection->source(),
                                             std::move(*consequences.suspend_source));
  if (consequences.suspend && (!suspension_ || suspension_->until < consequences.suspend->until))
    suspend(std::move(*consequences.suspend), now);
}

void Site::leave_alone(Path& path, site::EndpointName const& endpoint, site::Suspension const& why,
                       TimePoint now) {
  auto const words = fmt::format("{}: backing_off: {}", endpoint.to_string(), why.reason);
  path.health.leave_alone(endpoint, Outcome::local(451, {4, 7, 1}, words), why.until, now);
}

// Why none of it may go: what it belongs to, or every source that it could leave from.
Site::Held Site::held(Transaction const& transaction, TimePoint now) const {
  if (auto hold = part_held("sender_domain", transaction.sender_domain, now)) return hold;
  if (auto hold = part_held("tenant", transaction.tenant, now)) return hold;
  if (auto hold = campaign_held(transaction.campaign, now)) return hold;
  if (auto const* const hold = source_held(transaction, now)) return {hold, name_};
  return {};
}

Site::Held Site::part_held(std::string_view kind, std::string_view name, TimePoint now) const {
  auto const* const hold = holds_.of(kind, name, now);
  if (hold == nullptr) return {};
  return {hold, fmt::format("{}: {} {}", name_, kind, name)};
}

// Here, or at all sites.
Site::Held Site::campaign_held(std::string_view campaign, TimePoint now) const {
  if (auto hold = part_held("campaign", campaign, now)) return hold;
  auto const* const hold = context_.campaigns.held(campaign, now);
  if (hold == nullptr) return {};
  return {hold, fmt::format("campaign {}", campaign)};
}

// Of several the one that ends first.
site::Suspension const* Site::source_held(Transaction const& transaction, TimePoint now) const {
  auto const* const sources = transaction.sources;
  if (sources == nullptr) return nullptr;
  if (!sources->spills() && transaction.source != nullptr)
    return held_from(*transaction.source, now);
  site::Suspension const* first = nullptr;
  for (auto const& member : sources->members()) {
    auto const* const hold = held_from(*member.source, now);
    if (hold == nullptr) return nullptr;
    if (first == nullptr || hold->until < first->until) first = hold;
  }
  return first;
}

site::Suspension const* Site::held_from(site::Source const& source, TimePoint now) const {
  if (source.scope.is_suspended(now)) return &*source.scope.suspension;
  return holds_.of("source", source.name(), now);
}

site::Wait Site::suspended_from(site::Source const* source, TimePoint now) const {
  auto const* const why = source == nullptr ? nullptr : held_from(*source, now);
  if (why == nullptr) return {};
  return {why->until, site::Limit::Suspended, &source->scope};
}

void Site::defer_held(TimePoint now) {
  std::vector<std::pair<Transaction*, Held>> all;
  waiting_.for_each([&](Transaction& t) {
    if (auto hold = held(t, now)) all.emplace_back(&t, std::move(hold));
  });
  for (auto const& [transaction, hold] : all) {
    waiting_.remove(*transaction);
    defer(*transaction, suspended(hold.of, *hold.why, context_.clock), parking::Why::Suspended,
          now);
  }
}

void Site::close_left_alone(TimePoint now) {
  std::vector<SmtpConnection*> all;
  for (auto const& c : pool_.in(ConnectionState::Idle)) {
    auto& connection = static_cast<SmtpConnection&>(*c);
    auto const home = home_of(connection);
    auto const endpoint = connection.endpoint();
    if (path_of(connection).health.is_left_alone(endpoint, now) ||
        (home && home.path->health.is_left_alone(endpoint, now)))
      all.push_back(&connection);
  }
  for (auto* connection : all) close(*connection, "backing_off", now);
}

// What is more than is allowed now, or stands at a host that is left alone.
void Site::close_excess(TimePoint now) {
  close_left_alone(now);
  while (auto* const connection = one_too_many()) close(*connection, "max_connections", now);
}

SmtpConnection* Site::one_too_many() const {
  auto const& idle = pool_.in(ConnectionState::Idle);
  for (auto it = idle.rbegin(); it != idle.rend(); ++it) {
    auto& connection = static_cast<SmtpConnection&>(**it);
    if (is_too_many(connection)) return &connection;
  }
  return nullptr;
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
