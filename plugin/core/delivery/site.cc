#include "core/delivery/site.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "core/delivery/reuse.h"
#include "core/delivery/session_options.h"
#include "core/delivery/telling.h"
#include "core/site/suspension_record.h"

namespace mailpool::delivery {

using parking::Why;
using pool::ConnectionState;
using site::Limit;

Site::Site(std::string name, bool is_named, SiteSettings const& settings, Context& context)
    : name_(std::move(name)),
      is_named_(is_named),
      settings_(settings),
      context_(context),
      all_paths_(name_, settings_, context_),
      paths_(name_, settings_, context_),
      holds_(name_, context_),
      peak_(settings_.idle_timeout / 2),
      last_used_(context_.clock.now()) {}

Site::~Site() {
  leave_homes();
  assert(waiting_.is_empty() && "a site goes only when nothing waits at it");
  context_.parking.waiting -= slots_noted_;
  leave_lines();  // its connections give back what it might otherwise be told of
}

void Site::enqueue(Transaction& transaction, TimePoint now) {
  transaction.site = this;
  transaction.state = TransactionState::Waiting;
  transaction.wait_until = std::min(after(now, context_.max_wait), transaction.give_up_at);
  transaction.connect_until = transaction.give_up_at;
  last_used_ = now;
  last_route_ = transaction.route;
  if (why_ != last_route_->why_this_site) why_ = last_route_->why_this_site;
  use_paths_of(transaction);
  note_arrival(transaction, now);
  settle_tls(transaction);
  // What one sender asks of one message is no reason to keep connections for it.
  if (!last_purpose_) last_purpose_ = std::make_unique<Purpose>();
  *last_purpose_ = {transaction.domain,
                    transaction.sender_tls == tls::SenderTls::Usual
                        ? transaction.tls
                        : tls_.policies_for(transaction.domain, *transaction.route, settings_,
                                            context_.tls, tls::SenderTls::Usual),
                    nullptr, transaction.login};
  if (auto const refusal = refusal_of(transaction, now))
    return defer(transaction, refusal->outcome, why_of(*refusal), now);
  if (auto const put_off = why_park(transaction, now))
    return defer(transaction, put_off->outcome, why_of(*put_off), now);
  waiting_.push(transaction);
  note_slots();
  be_pumped_at(now);
}

std::optional<Refusal> Site::refusal_of(Transaction const& transaction, TimePoint now) const {
  if (suspension_) return Refusal{suspended_outcome(), "suspended", suspension_->until};
  if (auto const hold = held(transaction, now))
    return Refusal{suspended(hold.of, *hold.why, context_.clock), "suspended", hold.why->until};
  if (waiting_.size() < settings_.max_waiting) return std::nullopt;
  auto const words =
      fmt::format("{}: max_waiting reached ({} waiting)", name_, settings_.max_waiting);
  return Refusal{Outcome::local(451, {4, 7, 1}, words), "max_waiting", never};
}

void Site::expire(TimePoint now) {
  holds_.expire(now);
  all_paths_.expire(now);
  paths_.visit([&](Path& path) { carry_out(path.reactions.expire(now), path, nullptr, now); });
}

void Site::use_paths_of(Transaction const& transaction) {
  if (transaction.sources == nullptr) return paths_.use(nullptr);
  for (auto const& member : transaction.sources->members()) paths_.use(member.source);
}

void Site::settle_tls(Transaction& transaction) {
  transaction.sender_tls =
      sender_tls(transaction.delivery->message().envelope, settings_, transaction.login);
  transaction.tls = tls_.policies_for(transaction.domain, *transaction.route, settings_,
                                      context_.tls, transaction.sender_tls);
}

void Site::cancel(Transaction& transaction, TimePoint now) {
  if (transaction.state == TransactionState::Waiting) {
    waiting_.remove(transaction);
    defer(transaction, Outcome::local(451, {4, 3, 0}, "the MTA closed the connection"), Why::Other,
          now);
  } else if (transaction.state == TransactionState::Sending) {
    auto& connection = static_cast<SmtpConnection&>(*transaction.lease.connection());
    connection.cancel("the MTA closed the connection", now);
    connection.settle(now);
  }
}

void Site::wait_at_most_until(Transaction& transaction, TimePoint until) {
  transaction.wait_until = std::min(transaction.wait_until, until);
  transaction.connect_until = std::min(transaction.connect_until, until);
  be_pumped_at(context_.clock.now());  // its own deadline follows in that turn
}

void Site::pump(TimePoint now) {
  wants_turn_ = false;
  if (suspension_ && suspension_->until <= now) start_anew(now);
  expire(now);
  give_up_overdue(now);
  close_aged(now);
  close_excess(now);
  while (start_some(now)) {
  }
  wake_some(now);
  if (waiting_.is_empty()) close_surplus(now);
  keep_min_idle(now);
  make_way(now);
  note_slots();
  set_deadline(now);
  // Others may have a use for what is left of the room that this site was told of.
  for (auto* limit : std::exchange(offered_, {})) limit->pass_on();
}

void Site::on_room(site::ConcurrencyLimit& limit) {
  offered_.push_back(&limit);
  be_pumped_at(context_.clock.now());
}

void Site::be_pumped_at(TimePoint t) {
  if (t > context_.clock.now()) {
    deadline_ = std::min(deadline_, t);
  } else if (!wants_turn_) {
    wants_turn_ = true;
    context_.wants_a_turn(*this);
  }
}

void Site::set_deadline(TimePoint now) {
  auto next = pool_.next_reason(aging_of(nullptr));
  waiting_.for_each([&](Transaction const& t) { next = std::min(next, overdue_at(t)); });
  if (!waiting_.is_empty() && blocked_.not_before > now) next = std::min(next, blocked_.not_before);
  if (suspension_) next = std::min(next, suspension_->until);
  next = std::min({next, all_paths_.deadline(), holds_.deadline(), next_surplus(now)});
  if (turnout_) next = std::min(next, turnout_->next_wake);
  if (auto const t = backs_off_until(now); t > now) next = std::min(next, t);
  if (pool_.open() < settings_.min_idle && context_.no_socket_before > now)
    next = std::min(next, context_.no_socket_before);
  paths_.visit([&](Path const& path) {
    next = std::min(next, path.reactions.deadline());
    if (pool_.open() >= settings_.min_idle) return;
    for (auto const& [endpoint, record] : path.health.records())
      if (record.not_before > now) next = std::min(next, record.not_before);
  });
  deadline_ = next;
}

void Site::suspend(site::Suspension suspension, TimePoint now) {
  suspension_ = std::move(suspension);
  tell_suspended(context_, {"site", name_, {}}, *suspension_, now);
  keep_suspension(now);
  defer_waiting(suspended_outcome(), Why::Suspended, now);
  be_pumped_at(now);
  tell_guests(now);
}

void Site::keep_suspension(TimePoint now) {
  if (suspension_)
    site::keep(*suspension_, site::suspension_key("site", name_), context_.store,
               context_.clock.wall(now), now);
}

void Site::keep_suspensions(TimePoint now) {
  keep_suspension(now);
  holds_.keep(now);
}

void Site::resume(TimePoint now) {
  if (suspension_ && suspension_->until > now) tell_resumed(context_, {"site", name_, {}}, now);
  for (auto const& [scope, why] : holds_.all())
    if (why.until > now) tell_resumed(context_, {"site", name_, scope}, now);
  holds_.release_all();
  all_paths_.forget(now);
  paths_.visit([&](Path& path) {
    path.reactions.forget_cap();
    static_cast<void>(path.scope.forget_use(context_.store, now));
  });
  start_anew(now);
}

void Site::start_anew(TimePoint now) {
  if (suspension_)
    context_.store.erase(state::Kind::Suspension, site::suspension_key("site", name_));
  suspension_.reset();
  paths_.start_anew(now);
  tls_.forget_failures();
  try_parked(now);
  tell_guests(now);
}

bool Site::hold(std::string const& scope, site::Suspension why, TimePoint now) {
  be_pumped_at(now);
  auto const told = why;
  if (!holds_.hold(scope, std::move(why), now)) return false;
  tell_suspended(context_, {"site", name_, scope}, told, now);
  defer_held(now);
  tell_guests(now);
  return true;
}

bool Site::release(std::string const& scope, TimePoint now) {
  be_pumped_at(now);
  if (!holds_.release(scope)) return false;
  tell_resumed(context_, {"site", name_, scope}, now);
  tell_guests(now);
  return true;
}

void Site::flush(std::string_view reason, TimePoint now) {
  for (auto state :
       {ConnectionState::Idle, ConnectionState::Connecting, ConnectionState::Checking}) {
    std::vector<SmtpConnection*> all;
    for (auto const& c : pool_.in(state)) all.push_back(static_cast<SmtpConnection*>(c.get()));
    for (auto* connection : all) close(*connection, reason, now);
  }
  flushed_up_to_ = context_.last_connection_id;
  flushed_because_ = reason;
  be_pumped_at(now);
}

void Site::reconfigure(SiteSettings const& before, TimePoint now) {
  bool const is_wire_change = before.tls != settings_.tls ||
                              before.tls_settings != settings_.tls_settings ||
                              before.source != settings_.source || before.per != settings_.per ||
                              before.max_lifetime != settings_.max_lifetime ||
                              session_options(before) != session_options(settings_);
  paths_.reconfigure(now);
  all_paths_.follow(now);
  peak_.reconfigure(settings_.idle_timeout / 2);
  tls_.forget_policies();
  tls_.forget_failures();
  count_all_paths();
  waiting_.for_each([&](Transaction& t) {
    use_paths_of(t);
    settle_tls(t);
  });
  if (last_route_)
    last_purpose_->tls = tls_.policies_for(last_purpose_->domain, *last_route_, settings_,
                                           context_.tls, tls::SenderTls::Usual);
  if (is_wire_change) flush("reload", now);
  try_parked(now);
}

void Site::stop(TimePoint now) {
  defer_waiting(Outcome::local(451, {4, 3, 2}, "mailpool is stopping"), Why::Other, now);
  for (auto state : {ConnectionState::Busy, ConnectionState::Idle, ConnectionState::Connecting,
                     ConnectionState::Checking}) {
    std::vector<SmtpConnection*> all;
    for (auto const& c : pool_.in(state)) all.push_back(static_cast<SmtpConnection*>(c.get()));
    for (auto* connection : all) {
      if (state == ConnectionState::Busy) connection->cancel("mailpool is stopping", now);
      connection->settle(now);
    }
  }
}

TimePoint Site::backs_off_until(TimePoint now) const {
  bool const serves = pool_.count(ConnectionState::Idle) + pool_.count(ConnectionState::Busy) != 0;
  if (serves || !last_route_) return {};
  auto until = never;
  for (auto const& target : last_route_->targets) {
    auto const endpoint = endpoint_of(target);
    auto const* unproven = tls_.failure_of(last_purpose_->tls->of(target.host).policy, endpoint);
    paths_.visit_used([&](Path const& path) {
      auto from = home_rests_until(target, path.source(), now);
      for (auto const* record : {path.health.find(endpoint), unproven})
        if (record != nullptr) from = std::max(from, record->not_before);
      until = std::min(until, from);
    });
  }
  return until > now ? until : TimePoint{};
}

site::SiteState Site::state(TimePoint now) const {
  if (suspension_) return site::SiteState::Suspended;
  if (trouble_.is_on(now)) return site::SiteState::Failing;
  if (backs_off_until(now) > now) return site::SiteState::BackingOff;
  bool const is_limited = blocked_.limit != Limit::None && blocked_.limit != Limit::Connecting &&
                          (!waiting_.is_empty() || !context_.parking.entries.is_empty(name_));
  return is_limited ? site::SiteState::Limited : site::SiteState::Open;
}

bool Site::is_quiet() const {
  return pool_.is_empty() && waiting_.is_empty() && !suspension_ && blocked_.is_over() &&
         holds_.is_empty() && backs_off_until(context_.clock.now()) == TimePoint{} &&
         context_.parking.entries.is_empty(name_);
}

bool Site::is_forgettable() const {
  return pool_.is_empty() && waiting_.is_empty() && !suspension_ && !wants_turn_ &&
         holds_.is_empty() && all_paths_.is_forgettable() && paths_.is_forgettable() &&
         kin().guests.empty();
}

bool Site::is_unused(TimePoint now) const {
  static constexpr Duration unused_for = std::chrono::hours(24);
  return now >= after(last_used_, unused_for) && context_.parking.entries.is_empty(name_);
}

void Site::measure(Histogram StageTimes::*stage, Duration took) {
  if (!times_) times_ = std::make_unique<StageTimes>();
  ((*times_).*stage).add(took);
  (context_.times.*stage).add(took);
}

void Site::rest() {
  if (!are_times_kept_) times_.reset();
  tls_.forget_policies();
  speed_ = {};
  turnout_.reset();
  for (auto* const words : {&why_, &last_reply_, &last_error_}) words->shrink_to_fit();
  if (settings_.min_idle != 0) return;
  last_route_.reset();
  last_purpose_.reset();
}

std::string Site::words_for_connecting() const {
  auto const& coming = pool_.in(ConnectionState::Connecting);
  if (coming.empty()) return fmt::format("{}: no connection yet", name_);
  auto const& eldest = static_cast<SmtpConnection const&>(*coming.back());
  return fmt::format("{}: no connection yet: {}: {}", name_, eldest.endpoint().to_string(),
                     eldest.doing());
}

std::string Site::words_for(site::Wait const& wait, TimePoint now) const {
  auto const next = wait.not_before == never || wait.not_before <= now
                        ? std::string("when one comes free")
                        : fmt::format("in {}", to_text(wait.not_before - now));
  // Of what is limited where its hosts belong.
  for (auto const* const home : homes())
    if (home->counts(wait, now)) return home->words_for(wait, now);
  if (wait.limit == Limit::WarmUp)
    return fmt::format("{}: {}, next {}", wait.scope->title(),
                       context_.scopes.find_source(wait.scope->name())
                           ->words_for(wait.limit, name_, context_.today(now)),
                       next);
  if (wait.limit == Limit::Suspended && wait.scope == nullptr) return suspended_outcome().text;
  if (wait.limit == Limit::Suspended && wait.scope->level() == site::Level::Source) {
    auto const* const source = context_.scopes.find_source(wait.scope->name());
    if (auto const* const why = source == nullptr ? nullptr : held_from(*source, now))
      return suspended(PathName{name_, source->name()}.title(), *why, context_.clock).text;
  }
  if (auto const* path = paths_.find(wait.scope); path != nullptr)
    return fmt::format("{}: {}, next {}", path->name().title(), path->words_for(wait.limit), next);
  if (wait.scope != nullptr)
    return fmt::format("{}: {}, next {}", wait.scope->title(), wait.scope->words_for(wait.limit),
                       next);
  switch (wait.limit) {
    case Limit::MaxConnectionsPerHost:
      return fmt::format("{}: max_connections_per_host reached ({}), next {}", name_,
                         settings_.max_connections_per_host, next);
    case Limit::Connecting:
      return words_for_connecting();
    case Limit::Descriptors:
      return fmt::format("{}: no socket for a connection: {}, next {}", name_,
                         context_.why_no_socket, next);
    case Limit::BackingOff:
      return fmt::format("{}: backing_off, next {}: {}", name_, next, last_error_);
    case Limit::Rate:
    case Limit::RecipientRate:
    case Limit::ConnectRate:
    case Limit::MaxConnections:
    case Limit::Suspended:
    case Limit::WarmUp:
    case Limit::None:
      break;
  }
  return fmt::format("{}: max_wait reached ({})", name_, to_text(context_.max_wait));
}

}  // namespace mailpool::delivery
