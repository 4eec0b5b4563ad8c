// How a site opens connections: as many as the backlog deserves, to hosts that answer, within
// max_connections and connect_rate.

#include <fmt/format.h>

#include <algorithm>

#include "core/delivery/reuse.h"
#include "core/delivery/site.h"

namespace mailpool::delivery {

using pool::ConnectionState;
using site::Limit;
using Verdict = FairQueue::Verdict;

namespace {

constexpr Duration rset_timeout = std::chrono::seconds(20);
constexpr Duration quit_timeout = std::chrono::seconds(5);

site::EndpointName endpoint_of(route::Target const& t) {
  return {t.host, t.address, t.port};
}

smtp::TlsMode mode_of(tls::Policy const& policy) {
  if (policy.needs_tls()) return smtp::TlsMode::Encrypt;
  return policy.uses_tls() ? smtp::TlsMode::May : smtp::TlsMode::None;
}

}  // namespace

Verdict Site::provide_connection(Transaction& transaction, TimePoint now) {
  auto wait_for = [&](Limit limit, TimePoint not_before) {
    note_wait(transaction, {not_before, limit});
  };
  if (!transaction.login.is_none()) {
    switch (context_.logins.ask(transaction.login.name, now)) {
      case Logins::Readiness::Ready:
        break;
      case Logins::Readiness::Reading:
        wait_for(Limit::Connecting, never);
        return Verdict::Keep;
      case Logins::Readiness::Unusable:
        unreachable_.push_back(&transaction);
        return Verdict::Taken;
    }
  }
  ++lacking_;
  auto const coming = on_their_way(transaction, now);
  auto const* target = next_target(transaction, now);
  if (target == nullptr) {
    if (coming == 0 && (transaction.needs_fresh || !has_live_connection(transaction, now))) {
      unreachable_.push_back(&transaction);
      return Verdict::Taken;
    }
    wait_for(coming != 0 ? Limit::Connecting : Limit::BackingOff, never);
    return Verdict::Keep;
  }
  auto const most = reactions_.max_connections();
  bool const is_full = pool_.open() >= most;
  // As if none were open: whether there is room comes later.
  if (pool::connections_to_begin({lacking_, coming, 0, most, backlog_.is_lasting(now)}) == 0) {
    wait_for(Limit::Connecting, never);
    return Verdict::Keep;
  }
  // A stale idle connection is cheaper to prove alive than a new one is to open.
  for (auto const& c : pool_.in(ConnectionState::Idle)) {
    auto& connection = static_cast<SmtpConnection&>(*c);
    if (!can_serve(connection, transaction, now) || !needs_check(connection, now)) continue;
    pool_.enter(connection, ConnectionState::Checking);
    connection.check(now);
    started_.push_back(&connection);
    wait_for(Limit::Connecting, never);
    return Verdict::Keep;
  }
  if (is_full && !make_room(now)) {
    wait_for(coming != 0 ? Limit::Connecting : Limit::MaxConnections, never);
    // Nothing idle is left for the others either.
    return pool_.count(ConnectionState::Idle) == 0 ? Verdict::Stop : Verdict::Keep;
  }
  if (is_full) {
    wait_for(Limit::MaxConnections, never);
    return Verdict::Keep;
  }
  if (auto const wait = may_open(*target, transaction.source, now); !wait.is_over()) {
    ask_for_room(*target, transaction.source, now);
    note_wait(transaction, wait);
    return Verdict::Keep;
  }
  open(*target, {transaction.domain, transaction.tls, transaction.source, transaction.login}, now);
  wait_for(Limit::Connecting, never);
  return Verdict::Keep;
}

route::Target const* Site::next_target(Transaction const& transaction, TimePoint now) const {
  auto const& targets = transaction.route->targets;
  auto is_fit = [&](route::Target const& t) { return may_be_tried(t, transaction, now); };
  if (transaction.preferred)
    for (auto const& t : targets)
      if (endpoint_of(t) == *transaction.preferred && is_fit(t)) return &t;
  auto const found = std::find_if(targets.begin(), targets.end(), is_fit);
  if (found == targets.end()) return nullptr;
  // Another of the same preference has room, perhaps; a less preferred one is for hosts that fail.
  std::vector<route::Target const*> roomy;
  bool const is_any_family =
      settings_.ip != IpPreference::Prefer4 && settings_.ip != IpPreference::Prefer6;
  for (auto const& t : targets)
    if (t.preference == found->preference && is_fit(t) && !host_is_full(t) &&
        (is_any_family || t.address.is_v4() == found->address.is_v4() || host_is_full(*found)))
      roomy.push_back(&t);
  return roomy.empty() ? &*found : quicker_of(roomy, now);
}

bool Site::host_is_full(route::Target const& target) const {
  auto const most = settings_.max_connections_per_host;
  return most != 0 && context_.scopes.open_to(target.address, target.port) >= most;
}

site::Wait Site::may_open(route::Target const& target, site::Source const* source,
                          TimePoint now) const {
  site::Wait wait;
  if (auto const t = connect_rate_.earliest(now); t > now) wait = {t, Limit::ConnectRate};
  wait = later_of(wait, context_.scopes.total().may_open(now));
  if (source != nullptr) wait = later_of(wait, source->scope.may_open(now));
  if (host_is_full(target)) wait = later_of(wait, {never, Limit::MaxConnectionsPerHost});
  return wait;
}

void Site::ask_for_room(route::Target const& target, site::Source* source, TimePoint now) {
  auto& scopes = context_.scopes;
  auto ask = [&](site::ConcurrencyLimit& limit) {
    limit.stand_in_line(*this, pool_.is_empty());
    scopes.make_room(limit, now);
  };
  if (!scopes.total().connections.has_room()) ask(scopes.total().connections);
  if (source != nullptr && !source->scope.connections.has_room()) ask(source->scope.connections);
  if (!host_is_full(target)) return;
  auto& host = scopes.host(target.address, target.port);
  host.reconfigure(settings_.max_connections_per_host);
  ask(host);
}

// What is left idle when everything was decided is of more use to those who wait for its room.
void Site::make_way(TimePoint now) {
  while (true) {
    auto const& idle = pool_.in(ConnectionState::Idle);
    auto const wanted = std::find_if(idle.begin(), idle.end(), [&](auto const& c) {
      return static_cast<SmtpConnection const&>(*c).is_wanted_by_others(*this, false);
    });
    if (wanted == idle.end()) return;
    close(static_cast<SmtpConnection&>(**wanted), "max_connections", now);
  }
}

// A site with a backlog would keep its connections busy for as long as it has one: those who have
// none at all wait for the site's second one, or for a few messages on its only one.
bool Site::must_make_way(SmtpConnection const& connection) const {
  static constexpr std::uint32_t messages_while_others_wait = 10;
  bool const had_its_turn = pool_.open() > 1 || connection.uses() >= messages_while_others_wait;
  return had_its_turn && connection.is_wanted_by_others(*this, true);
}

std::size_t Site::on_their_way(Transaction const& transaction, TimePoint now) const {
  std::size_t n = 0;
  for (auto state : {ConnectionState::Connecting, ConnectionState::Checking})
    for (auto const& c : pool_.in(state))
      if (can_serve(static_cast<SmtpConnection const&>(*c), transaction, now)) ++n;
  return n;
}

bool Site::has_live_connection(Transaction const& transaction, TimePoint now) const {
  auto const& busy = pool_.in(ConnectionState::Busy);
  return std::any_of(busy.begin(), busy.end(), [&](auto const& c) {
    return can_serve(static_cast<SmtpConnection const&>(*c), transaction, now);
  });
}

bool Site::make_room(TimePoint now) {
  // The oldest idle connection serves none of those who were asked before; it would age out next
  // anyway.
  auto const& idle = pool_.in(ConnectionState::Idle);
  if (idle.empty()) return false;
  close(static_cast<SmtpConnection&>(*idle.back()), "max_connections", now);
  return true;
}

void Site::open(route::Target const& target, Purpose const& purpose, TimePoint now) {
  auto const& terms = purpose.tls->of(target.host);
  auto* const source = purpose.source;
  auto& scopes = context_.scopes;
  connect_rate_.take(now);
  ++counters_.opened;
  ++context_.totals.opened;
  ++context_.connections_open;
  // Who it is opened for may be served by another before it is ready: it gets its chance.
  peak_.note(static_cast<std::uint32_t>(pool_.count(ConnectionState::Busy) +
                                        pool_.count(ConnectionState::Connecting)) +
                 1,
             now);
  // Shortened at random by up to a tenth, so that connections opened together do not all end
  // together.
  auto const jitter = settings_.max_lifetime / 10 * context_.random.number(1001) / 1000;
  SmtpConnection::Start start;
  start.id = context_.next_connection_id();
  start.key = key_for(target, terms, source, purpose.login);
  start.domain = purpose.domain;
  start.policies = purpose.tls;
  start.target = target;
  start.source = source;
  start.scopes = &scopes;
  start.permits.total = scopes.total().open(now);
  if (source != nullptr) start.permits.source = source->scope.open(now);
  auto& host = scopes.host(target.address, target.port);
  host.reconfigure(settings_.max_connections_per_host == 0
                       ? std::nullopt
                       : std::optional(settings_.max_connections_per_host));
  start.permits.host = host.take();
  start.expires_at = after(now, settings_.max_lifetime - jitter);
  start.connect_timeout = settings_.connect_timeout;
  start.prohibited = &settings_.prohibited;
  start.session = session_settings(target, terms, source, now);
  start.login_use = purpose.login;
  if (!purpose.login.is_none())
    start.login = context_.logins.login(purpose.login.name, target.host, target.port);
  pool_.add(std::make_unique<SmtpConnection>(std::move(start), static_cast<ConnectionOwner&>(*this),
                                             context_.network, now));
}

std::string const& Site::ehlo_name(site::Source const* source) const {
  return source == nullptr || source->ehlo_name().empty() ? context_.hostname : source->ehlo_name();
}

pool::ReuseKey Site::key_for(route::Target const& target, tls::Terms const& terms,
                             site::Source const* source, LoginUse const& login) const {
  Origin origin;
  if (source != nullptr)
    origin.source = source->address_for(target.address.family()).value_or(IpAddress{});
  origin.ehlo_name = ehlo_name(source);
  origin.credential = context_.logins.credential(login);
  origin.implicit_tls = settings_.tls_settings.wrapper;
  return delivery::key_for(target, terms, std::move(origin));
}

smtp::SessionSettings Site::session_settings(route::Target const& target, tls::Terms const& terms,
                                             site::Source const* source, TimePoint now) const {
  auto const endpoint = endpoint_of(target);
  auto const* record = health_.find(endpoint);
  smtp::SessionSettings s;
  s.relay = endpoint.to_string();
  s.ehlo_name = ehlo_name(source);
  s.tls = mode_of(terms.policy);
  s.tls_because = terms.policy.demand();
  s.implicit_tls = settings_.tls_settings.wrapper;
  s.skip_starttls = s.tls == smtp::TlsMode::May && !s.implicit_tls &&
                    context_.tls.memory.is_plain(s.relay, context_.clock.wall(now));
  s.pipelining = settings_.pipelining;
  s.chunking = settings_.chunking && (record == nullptr || record->no_chunking_until <= now);
  s.refuse_eight_bit = settings_.eight_bit == EightBit::Refuse;
  s.one_flight_within = settings_.one_flight_within;
  s.timeouts = {settings_.greeting_timeout,
                settings_.ehlo_timeout,
                settings_.starttls_timeout,
                settings_.auth_timeout,
                settings_.mail_timeout,
                settings_.rcpt_timeout,
                settings_.data_timeout,
                settings_.body_timeout,
                settings_.end_of_data_timeout,
                rset_timeout,
                quit_timeout};
  return s;
}

void Site::keep_min_idle(TimePoint now) {
  if (settings_.min_idle == 0 || !last_route_ || suspension_ || context_.is_draining) return;
  auto const& login = last_purpose_.login;
  if (!login.is_none() && context_.logins.ask(login.name, now) != Logins::Readiness::Ready) return;
  auto const wanted = std::min(settings_.min_idle, reactions_.max_connections());
  auto* const sources = context_.scopes.find_group(settings_.source);
  auto* const source = sources == nullptr ? nullptr : sources->next();
  while (pool_.open() < wanted) {
    auto const& targets = last_route_->targets;
    auto const target = std::find_if(targets.begin(), targets.end(), [&](auto const& t) {
      return !health_.is_backing_off(endpoint_of(t), now) &&
             tls_.may_try(last_purpose_.tls->of(t.host).policy, endpoint_of(t), now) &&
             (source == nullptr || source->reaches(t.address.family()));
    });
    if (target == targets.end() || !may_open(*target, source, now).is_over()) return;
    auto purpose = last_purpose_;
    purpose.source = source;
    open(*target, purpose, now);
  }
}

}  // namespace mailpool::delivery
