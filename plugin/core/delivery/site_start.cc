// How a site carries out what it decided: transactions start, connections are checked, opened and
// closed for them.

#include <fmt/format.h>

#include <algorithm>

#include "core/delivery/reuse.h"
#include "core/delivery/site.h"
#include "core/site/warm_up_record.h"

namespace mailpool::delivery {

using pool::ConnectionState;
using site::Limit;
using Verdict = FairQueue::Verdict;

bool Site::start_some(TimePoint now) {
  blocked_ = {};
  paths_.visit([](Path& path) { path.lacking = 0; });
  if (!waiting_.is_empty()) waiting_.visit([&](Transaction& t) { return try_start(t, now); });
  paths_.visit([&](Path& path) { path.backlog.note_waiting(path.lacking, now); });
  bool const something_happened = !started_.empty() || !unreachable_.empty();
  settle_started(now);
  fail_unreachable(now);
  return something_happened;
}

Verdict Site::try_start(Transaction& transaction, TimePoint now) {
  auto const decision = decide(transaction, now);
  leave_from(decision.source, transaction);
  if (decision.needs_login) context_.logins.ask(transaction.login.name, now);
  if (decision.lacks_connection) ++paths_.of(transaction.source).lacking;
  if (!decision.lacks_connection) {
    transaction.seeking_since = never;
  } else if (transaction.seeking_since == never) {
    transaction.seeking_since = now;
  }
  return std::visit([&](auto const& what) { return carry_out(what, transaction, now); },
                    decision.what);
}

// A message has its turn in a pool of sources once.
void Site::leave_from(site::Source* source, Transaction& transaction) {
  auto* const before = std::exchange(transaction.source, source);
  auto* const sources = transaction.sources;
  if (sources == nullptr || source == nullptr || source == before) return;
  before == nullptr ? sources->take_turn(*source) : sources->move_turn(*before, *source);
}

Verdict Site::carry_out(Use const& use, Transaction& transaction, TimePoint now) {
  if (use.probe != nullptr) probe(*use.probe, transaction, now);
  start(transaction, *use.connection, now);
  return Verdict::Taken;
}

Verdict Site::carry_out(Check const& check, Transaction& transaction, TimePoint now) {
  pool_.enter(*check.connection, ConnectionState::Checking);
  check.connection->check(now);
  started_.push_back(check.connection);
  wait_for_coming(transaction, now);
  return Verdict::Keep;
}

Verdict Site::carry_out(Open const& wanted, Transaction& transaction, TimePoint now) {
  open(*wanted.target, {transaction.domain, transaction.tls, transaction.source, transaction.login},
       now);
  wait_for_coming(transaction, now);
  return Verdict::Keep;
}

// All attempts at hosts that are as good race with the new one; the first that is connected ends
// the others (on_connected).
Verdict Site::carry_out(Overtake const& wanted, Transaction& transaction, TimePoint now) {
  std::uint64_t race = 0;
  std::vector<SmtpConnection*> rivals;
  for (auto const& c : pool_.in(ConnectionState::Connecting)) {
    auto& late = static_cast<SmtpConnection&>(*c);
    if (!can_serve(late, seeker(transaction, transaction.source), now)) continue;
    late.be_overtaken();
    auto const* const named = still_named(late.target(), *transaction.route);
    if (late.is_connected() || named->preference != wanted.target->preference) continue;
    rivals.push_back(&late);
    race = std::max(race, late.race());
  }
  auto& opened =
      open(*wanted.target,
           {transaction.domain, transaction.tls, transaction.source, transaction.login}, now);
  if (!rivals.empty()) {
    if (race == 0) race = opened.id();
    for (auto* rival : rivals) rival->join_race(race);
    opened.join_race(race);
  }
  wait_for_coming(transaction, now);
  return Verdict::Keep;
}

Verdict Site::carry_out(GiveUp const& wanted, Transaction& transaction, TimePoint now) {
  give_up(*wanted.late, now);
  wait_for_coming(transaction, now);
  return Verdict::Keep;
}

Verdict Site::carry_out(MakeRoom const& room, Transaction& transaction, TimePoint now) {
  auto const& full = full_scope(paths_.of(transaction.source));
  close(*room.leaving, "max_connections", now);
  note_wait(transaction, {never, Limit::MaxConnections, &full}, now);
  return Verdict::Keep;
}

Verdict Site::carry_out(Stay const& stay, Transaction& transaction, TimePoint now) {
  stand_in_lines(transaction);
  if (stay.wants_room != nullptr) ask_for_room(*stay.wants_room, transaction.source, now);
  if (stay.wait.limit == Limit::MaxConnections)
    ask_guests_for_room(paths_.of(transaction.source), now);
  note_wait(transaction, stay.wait, now);
  return stay.verdict;
}

Verdict Site::carry_out(Impossible const&, Transaction& transaction, TimePoint) {
  unreachable_.push_back(&transaction);
  return Verdict::Taken;
}

void Site::note_wait(Transaction& transaction, site::Wait const& wait, TimePoint now) {
  bool const was_connecting = transaction.wait.limit == Limit::Connecting;
  bool const is_connecting = wait.limit == Limit::Connecting;
  if (is_connecting && !was_connecting) transaction.connecting_since = now;
  if (was_connecting && !is_connecting)
    transaction.wait_until =
        std::min(after(transaction.wait_until, now - transaction.connecting_since),
                 transaction.connect_until);
  transaction.wait = wait;
  // The earliest time at which something may go decides when to look again.
  if (blocked_.is_over() || wait.not_before < blocked_.not_before) blocked_ = wait;
}

// Where room under a limit that sites share is given back somewhere else, that is told in turn.
void Site::stand_in_lines(Transaction const& transaction) {
  auto const& levels = transaction.levels;
  for (auto* scope : {levels.domain, levels.sender_domain, levels.tenant})
    if (scope != nullptr && !scope->connections.has_room()) scope->connections.stand_in_line(*this);
}

void Site::start(Transaction& transaction, SmtpConnection& connection, TimePoint now) {
  auto& path = path_of(connection);
  static_cast<void>(path.scope.begin(transaction.size(), now));
  all_paths_.begin(transaction.size(), now);
  turnout().pace.note(now);
  begin_at_home(connection, transaction.size(), now);
  judged_path(connection).reactions.started(now);
  peak_.note(static_cast<std::uint32_t>(pool_.count(ConnectionState::Busy)) + 1, now);
  auto levels = transaction.levels;
  if (auto* const source = connection.source()) {
    levels.source = &source->scope;
    auto& judge = judged_site(connection);
    auto const day = context_.today(now).day;
    judge.note_warm_up(*source, source->warm_up.sending(judge.name_, day), now);
  }
  transaction.permits = site::begin(levels, transaction.size(), now);
  for (auto* scope :
       {levels.total, levels.source, levels.domain, levels.sender_domain, levels.tenant})
    if (scope != nullptr) context_.note_use(*scope);
  transaction.state = TransactionState::Sending;
  transaction.wait = {};
  transaction.seeking_since = never;
  bool const is_first_try = transaction.timing.started == transaction.timing.accepted;
  transaction.timing.started = now;
  if (connection.uses() == 0) {
    transaction.timing.connecting = connection.connecting_took();
  } else {
    ++counters_.reused;
    ++context_.totals.reused;
  }
  // What it took before is no wait of the second try.
  if (is_first_try) measure(&StageTimes::wait, transaction.timing.wait());
  transaction.lease = pool_.lease(connection);
  if (connection.mark_reported(transaction.domain))
    report_tls(connection, transaction.domain, transaction.tls->of(connection.target().host).policy,
               std::nullopt, now);
  connection.start(transaction, now, context_.clock.wall(now));
  started_.push_back(&connection);
}

// A host that failed is found to answer again by a connection that nobody waits for.
void Site::probe(route::Target const& target, Transaction const& transaction, TimePoint now) {
  open(target, {transaction.domain, transaction.tls, transaction.source, transaction.login}, now);
}

// Until it is ready, or late.
void Site::wait_for_coming(Transaction& transaction, TimePoint now) {
  auto const decision = wait_or_overtake(seeker(transaction, transaction.source), now);
  auto const* const stays = std::get_if<Stay>(&decision.what);
  note_wait(transaction, stays != nullptr ? stays->wait : site::Wait{now, Limit::Connecting}, now);
}

// What was counted is kept, and what that led to is told.
void Site::note_warm_up(site::Source const& source,
                        std::optional<site::WarmUpProgress::News> const& news, TimePoint now) {
  using News = site::WarmUpProgress::News;
  if (!news) return;
  keep_warm_up(context_.store, source.name(), name_, source.warm_up);
  auto const stand = source.warm_up.stand(name_, context_.today(now).day);
  if (*news == News::None || !stand) return;
  auto const words = fmt::format("warm_up source={} site={} day={} step={} messages={}",
                                 source.name(), name_, stand->day, stand->step, stand->most);
  if (*news == News::Held)
    context_.log.warning(
        fmt::format("{} held: {}", words, source.warm_up.why_held(name_, context_.today(now).day)));
  else
    context_.log.info(fmt::format("{} goes on, {} later than planned", words,
                                  stand->at_site.held == 1
                                      ? std::string("1 day")
                                      : fmt::format("{} days", stand->at_site.held)));
}

void Site::settle_started(TimePoint now) {
  auto const started = std::exchange(started_, {});
  for (auto* connection : started) connection->settle(now);
}

}  // namespace mailpool::delivery
