// How a site opens connections: as many as the backlog deserves, to hosts that answer, within
// max_connections and connect_rate.

#include <fmt/format.h>

#include <algorithm>

#include "core/delivery/reuse.h"
#include "core/delivery/session_options.h"
#include "core/delivery/site.h"

namespace mailpool::delivery {

using pool::ConnectionState;
using site::Limit;

namespace {

smtp::TlsMode mode_of(tls::Policy const& policy) {
  if (policy.needs_tls()) return smtp::TlsMode::Encrypt;
  return policy.uses_tls() ? smtp::TlsMode::May : smtp::TlsMode::None;
}

}  // namespace

void Site::ask_for_room(route::Target const& target, site::Source* source, TimePoint now) {
  auto& scopes = context_.scopes;
  auto ask = [&](site::ConcurrencyLimit& limit) {
    limit.stand_in_line(*this, pool_.is_empty());
    scopes.make_room(limit, now);
  };
  if (!scopes.total().connections.has_room()) ask(scopes.total().connections);
  if (source != nullptr && !source->scope.connections.has_room()) ask(source->scope.connections);
  ask_for_room_at_home(home_of(target, source), now);
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

SmtpConnection& Site::open(route::Target const& target, Purpose const& purpose, TimePoint now) {
  auto const& terms = purpose.tls->of(target.host);
  auto* const source = purpose.source;
  auto& scopes = context_.scopes;
  paths_.use(source);
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
  start.permits.path = paths_.of(source).scope.open(now);
  start.permits.all_paths = all_paths_.open(now);
  take_home_permits(start.permits, home_of(target, source), now);
  start.permits.total = scopes.total().open(now);
  context_.note_use(scopes.total());
  if (source != nullptr) {
    start.permits.source = source->scope.open(now);
    context_.note_use(source->scope);
  }
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
  return static_cast<SmtpConnection&>(pool_.add(std::make_unique<SmtpConnection>(
      std::move(start), static_cast<ConnectionOwner&>(*this), context_.network, now)));
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
                                             site::Source* source, TimePoint now) const {
  auto const endpoint = endpoint_of(target);
  auto const* record = paths_.of(source).health.find(endpoint);
  auto s = session_options(settings_);
  s.relay = endpoint.to_string();
  s.ehlo_name = ehlo_name(source);
  s.tls = mode_of(terms.policy);
  s.tls_because = terms.policy.demand();
  s.skip_starttls = s.tls == smtp::TlsMode::May && !s.implicit_tls &&
                    context_.tls.memory.is_plain(s.relay, context_.clock.wall(now));
  s.chunking = s.chunking && (record == nullptr || record->no_chunking_until <= now);
  return s;
}

void Site::keep_min_idle(TimePoint now) {
  if (settings_.min_idle == 0 || !last_route_ || suspension_ || context_.is_draining) return;
  auto const& login = last_purpose_->login;
  if (!login.is_none() && context_.logins.ask(login.name, now) != Logins::Readiness::Ready) return;
  while (pool_.open() < settings_.min_idle) {
    auto* const source = least_used_source(now);
    bool const has_none =
        source == nullptr && context_.scopes.find_group(settings_.source) != nullptr;
    if (has_none || is_full(paths_.of(source))) return;
    auto const& targets = last_route_->targets;
    auto const target = std::find_if(targets.begin(), targets.end(), [&](auto const& t) {
      return may_be_kept_open(t, source, now);
    });
    if (target == targets.end() || !may_open(*target, source, now).is_over()) return;
    auto purpose = *last_purpose_;
    purpose.source = source;
    open(*target, purpose, now);
  }
}

// Whose turn it is is a matter of messages: these are shared out by what is open.
site::Source* Site::least_used_source(TimePoint now) const {
  auto const* const sources = context_.scopes.find_group(settings_.source);
  if (sources == nullptr) return nullptr;
  site::Source* least = nullptr;
  double lowest = 0;
  for (auto const& member : sources->members()) {
    auto const& path = paths_.of(member.source);
    if (is_full(path) || held_from(*member.source, now) != nullptr ||
        all_hosts_fail(path, *last_route_, now))
      continue;
    double open = 0;
    pool_.for_each([&](pool::Connection const& c) {
      if (static_cast<SmtpConnection const&>(c).source() == member.source) ++open;
    });
    if (least != nullptr && open / member.weight >= lowest) continue;
    least = member.source;
    lowest = open / member.weight;
  }
  return least;
}

bool Site::may_be_kept_open(route::Target const& target, site::Source* source,
                            TimePoint now) const {
  auto const endpoint = endpoint_of(target);
  auto const& path = paths_.of(source);
  bool const is_probed = path.health.is_on_probation(endpoint) && is_being_tried(path, endpoint);
  return !path.health.is_backing_off(endpoint, now) && !is_probed &&
         home_rests_until(target, source, now) <= now && !is_overtaken(path, endpoint) &&
         tls_.may_try(last_purpose_->tls->of(target.host).policy, endpoint, now) &&
         (source == nullptr || source->reaches(target.address.family()));
}

}  // namespace mailpool::delivery
