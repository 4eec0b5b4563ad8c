#include "manager/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/delivery/path.h"
#include "core/map/writer.h"
#include "core/message/address.h"
#include "manager/snapshots.h"

namespace mailpool::manager {

using control::Explanation;
using pool::ConnectionState;
using site::Limit;

namespace {

// "dane: tls = \"auto\"", "secure: the MTA-STS policy of example.org (tls = \"auto\")".
std::string tls_words(tls::Policy const& policy) {
  auto words = fmt::format("{}: {}", name_of(policy.level), policy.because);
  if (!policy.tested_names.empty()) words += "; its MTA-STS policy is in testing";
  if (!policy.impossible.empty()) words += fmt::format("; no mail passes: {}", policy.impossible);
  return words;
}

// "no: ..." with what is known to stand against it, "yes: ..." where a connection proves it, else
// what it would take.
std::string require_tls_words(tls::Policy const& policy, route::Target const& target,
                              delivery::Site const& site, delivery::Clock const& clock) {
  if (auto const forbidden = tls::prohibition(policy)) return "no: " + forbidden->words;
  auto const now = clock.now();
  std::string against;
  bool is_proved = false;
  site.connections().for_each([&](pool::Connection const& c) {
    auto const& connection = static_cast<delivery::SmtpConnection const&>(c);
    if (connection.target() != target || !connection.is_ready()) return;
    auto const found = connection.objection(policy, clock.wall(now));
    is_proved = is_proved || !found;
    if (found) against = found->words;
  });
  if (is_proved) return "yes: a connection there proves enough";
  if (!against.empty()) return "no: " + against;
  auto const& names = policy.require_tls->names.empty() ? policy.names : policy.require_tls->names;
  return fmt::format("needs {}, and REQUIRETLS offered under TLS",
                     names.empty()
                         ? "a match of its TLSA records"
                         : fmt::format("a trusted certificate of {}", fmt::join(names, " or ")));
}

}  // namespace

Explanation Explainer::explain(control::Question const& question, std::string const& domain,
                               std::shared_ptr<route::Route const> route) {
  Explanation e;
  begin(question, domain, std::move(route), e);
  e.why_this_site = route_->why_this_site;
  e.hosts = route_->hosts;
  add_targets(e);
  add_limits(e);
  judge(e);
  return e;
}

Explanation Explainer::explain_without_route(control::Question const& question,
                                             std::string const& domain, Outcome const& outcome) {
  Explanation e;
  e.address = question.address;
  e.domain = domain;
  if (auto const* site = dispatcher_.site_of_domain(domain)) {
    auto route = std::make_shared<route::Route>();
    route->site = site->name();
    route->is_named_site = site->is_named();
    begin(question, domain, std::move(route), e);
    e.why_this_site = "its mail went there last";
    add_limits(e);
  } else {
    add_scope(e, dispatcher_.limits_of(domain));
    add_scope(e, &dispatcher_.scopes().total());
  }
  e.no_route = outcome.reply_line();
  e.would = fmt::format("every recipient at {} is answered {}", domain, e.no_route);
  return e;
}

void Explainer::begin(control::Question const& question, std::string const& domain,
                      std::shared_ptr<route::Route const> route, Explanation& e) {
  route_ = std::move(route);
  Envelope envelope;
  envelope.sender = question.sender;
  envelope.sender_domain = domain_of(question.sender).value_or("");
  envelope.tenant = ascii_lower(question.tenant);
  if (envelope.tenant.empty())
    if (auto const* tenant = dispatcher_.scopes().tenant_of(envelope.sender_domain))
      envelope.tenant = tenant->scope.name();
  envelope.campaign = ascii_lower(question.campaign);
  probe_ = dispatcher_.probe(domain, route_, envelope);
  site_ = probe_.site;
  source_ = site_->decide(probe_, clock_.now()).source;
  e.address = question.address;
  e.domain = domain;
  e.site = route_->site;
  e.door = map::door_of_site(route_->site, route_->is_named_site);
  e.site_state = name_of(site_->state(clock_.now()));
  e.tenant = envelope.tenant;
  e.campaign = envelope.campaign;
  e.source = source_text();
}

// "west"; "one of west, east; now east, since west may not send (its path is blocked)".
std::string Explainer::source_text() const {
  if (probe_.sources == nullptr) return {};
  auto const& members = probe_.sources->members();
  std::string names;
  for (auto const& member : members) names += (names.empty() ? "" : ", ") + member.source->name();
  if (members.size() == 1 || source_ == nullptr) return names;
  auto const* const turn = probe_.sources->whose_turn();
  auto const why = turn == source_ ? std::string("whose turn it is")
                                   : fmt::format("in place of {}, whose turn it is", turn->name());
  return fmt::format("one of {}; now {}, {}", names, source_->name(), why);
}

void Explainer::add_targets(Explanation& e) const {
  auto const& settings = dispatcher_.settings_for(route_->site);
  auto const& context = dispatcher_.context().tls;
  auto const policies = delivery::policies_of(e.domain, *route_, settings, context);
  auto const required =
      delivery::policies_of(e.domain, *route_, settings, context, tls::SenderTls::Required);
  for (auto const& t : route_->targets) {
    site::EndpointName const endpoint{t.host, t.address, t.port};
    auto target = status_of(endpoint, site_->paths().of(source_).health.find(endpoint), clock_);
    add_connections(target, *site_);
    target.tls = tls_words(policies.of(t.host).policy);
    target.require_tls = require_tls_words(required.of(t.host).policy, t, *site_, clock_);
    target.tls_now = add_newest_tls(target, *site_, clock_);
    e.targets.push_back(std::move(target));
  }
}

void Explainer::add_rate(Explanation& e, std::string const& scope, std::string option,
                         site::RateLimit const& limit) const {
  auto const now = clock_.now();
  auto const next = limit.earliest(now);
  auto const room = limit.room(now);
  control::LimitUse use;
  use.scope = scope;
  use.option = std::move(option);
  use.ceiling = room ? limit.rate().to_string() : "none";
  use.use = next > now ? "used up" : room ? fmt::format("{} may pass now", *room) : "has room";
  use.is_reached = next > now;
  use.not_before = moment_to_come(next, clock_);
  e.limits.push_back(std::move(use));
}

void Explainer::add_count(Explanation& e, std::string const& scope, std::string option,
                          std::optional<std::uint64_t> most, std::uint64_t in_use) const {
  e.limits.push_back({scope,
                      std::move(option),
                      most ? fmt::format("{}", *most) : "none",
                      fmt::format("{}", in_use),
                      most && in_use >= *most,
                      {}});
}

void Explainer::add_limits(Explanation& e) const {
  add_site_limits(e);
  add_scope(e, probe_.levels.domain);
  add_scope(e, probe_.levels.sender_domain);
  add_scope(e, probe_.levels.tenant);
  if (probe_.sources != nullptr)
    for (auto const& member : probe_.sources->members()) {
      add_scope(e, &member.source->scope);
      add_warm_up(e, *member.source);
    }
  add_scope(e, probe_.levels.total);
}

// Those that it may take at a site.
void Explainer::add_paths(Explanation& e, delivery::Site const& site) const {
  if (probe_.sources == nullptr || site.settings().per == CountedPer::Site)
    add_path_limits(e, site, site.paths().of(nullptr));
  else
    for (auto const& member : probe_.sources->members())
      add_path_limits(e, site, site.paths().of(member.source));
  add_scope(e, site.all_paths().scope());
}

void Explainer::add_path_limits(Explanation& e, delivery::Site const& site,
                                delivery::Path const& path) const {
  auto const& settings = site.settings();
  auto const title =
      fmt::format("{} {}", path.name().source.empty() ? "site" : "path", path.name().title());
  auto const& scope = path.scope;
  auto const allowed = scope.connections.most().value_or(0);
  add_count(e, title, "max_connections", allowed, scope.connections.in_use());
  if (allowed < settings.max_connections)
    e.limits.back().ceiling = fmt::format("{}, allowed now {}", settings.max_connections, allowed);
  add_rate(e, title, "rate", scope.rate);
  if (settings.recipient_rate.is_limited())
    add_rate(e, title, "recipient_rate", scope.recipient_rate);
  add_rate(e, title, "connect_rate", scope.connect_rate);
}

void Explainer::add_site_limits(Explanation& e) const {
  auto const& settings = dispatcher_.settings_for(route_->site);
  auto const scope = "site " + route_->site;
  add_paths(e, *site_);
  // What the hosts of other sites are counted for there.
  for (auto const* const home : site_->homes()) {
    bool const is_named_now =
        std::any_of(route_->targets.begin(), route_->targets.end(),
                    [&](route::Target const& target) { return target.site == home->name(); });
    if (is_named_now) add_paths(e, *home);
  }
  add_count(e, scope, "max_waiting", settings.max_waiting, site_->waiting().size());
  e.limits.push_back({scope,
                      "max_messages",
                      fmt::format("{}", settings.max_messages),
                      "per connection",
                      false,
                      {}});
  e.limits.push_back({scope,
                      "max_recipients",
                      fmt::format("{}", settings.max_recipients),
                      "per transaction",
                      false,
                      {}});
  if (settings.max_connections_per_host == 0) return;
  for (auto const& t : route_->targets)
    add_count(e, fmt::format("endpoint {}[{}]:{}", t.host, t.address.to_string(), t.port),
              "max_connections_per_host", settings.max_connections_per_host,
              dispatcher_.scopes().open_to(t.address, t.port));
}

// What a level does not limit is left out; there would be too much of it.
void Explainer::add_scope(Explanation& e, site::Scope const* scope) const {
  if (scope == nullptr) return;
  auto const title = scope->title();
  if (scope->connections.most())
    add_count(e, title, "max_connections", *scope->connections.most(), scope->connections.in_use());
  auto add = [&](char const* option, site::RateLimit const& limit) {
    if (limit.rate().is_limited()) add_rate(e, title, option, limit);
  };
  add("rate", scope->rate);
  add("recipient_rate", scope->recipient_rate);
  add("connect_rate", scope->connect_rate);
  if (scope->max_recipients)
    e.limits.push_back({title,
                        "max_recipients",
                        fmt::format("{}", *scope->max_recipients),
                        "per transaction",
                        false,
                        {}});
}

void Explainer::add_warm_up(Explanation& e, site::Source const& source) const {
  auto const today = site::today_of(clock_.wall(clock_.now()), clock_.now());
  auto const& progress = source.warm_up;
  auto const most = progress.most(route_->site, today.day);
  if (!most) return;
  auto const sent = progress.sent(route_->site, today.day);
  auto const why = progress.why_held(route_->site, today.day);
  control::LimitUse use;
  use.scope = source.scope.title();
  use.option = name_of(Limit::WarmUp);
  use.ceiling = fmt::format("{} today", *most);
  use.use = fmt::format("{}{}{}", sent, why.empty() ? "" : "; ", why);
  use.is_reached = sent >= *most;
  if (use.is_reached)
    use.not_before = moment_to_come(progress.next_room(route_->site, today), clock_);
  e.limits.push_back(std::move(use));
}

// A message is refused before it has a source; what else becomes of it goes by the source that it
// would leave from.
void Explainer::judge(Explanation& e) {
  auto const now = clock_.now();
  auto refusal = dispatcher_.refusal_of(probe_, now);
  if (!refusal) refusal = site_->refusal_of(probe_, now);
  if (refusal) return refuse(e, *refusal);
  probe_.source = source_;
  auto const decision = site_->decide(probe_, now);
  auto const from =
      decision.source == nullptr ? "" : fmt::format(" from {}", decision.source->name());
  std::visit(
      [&](auto const& what) {
        using What = std::remove_cvref_t<decltype(what)>;
        if constexpr (std::is_same_v<What, delivery::Stay>)
          tell(e, what);
        else if constexpr (std::is_same_v<What, delivery::Impossible>)
          tell_impossible(e);
        else
          e.would = words_for(what) + from;
      },
      decision.what);
}

void Explainer::refuse(Explanation& e, delivery::Refusal const& refusal) const {
  e.blocked_by = refusal.because;
  e.not_before = moment_to_come(refusal.until, clock_);
  e.reason = refusal.outcome.text;
  e.would = fmt::format("is answered {}", refusal.outcome.reply_line());
  if (dispatcher_.is_draining())
    e.would = "is answered 451 4.3.2: mailpool is draining (poolctl undrain)";
}

void Explainer::tell(Explanation& e, delivery::Stay const& stay) const {
  e.blocked_by = name_of(stay.wait.limit);
  e.not_before = moment_to_come(stay.wait.not_before, clock_);
  e.reason = site_->words_for(stay.wait, clock_.now());
  e.would = fmt::format("waits: {}", e.reason);
}

std::string Explainer::words_for(delivery::Use const& use) const {
  return fmt::format("goes at once on an idle connection to {}",
                     use.connection->endpoint().to_string());
}

std::string Explainer::words_for(delivery::Check const& check) const {
  return fmt::format("goes on an idle connection to {}, once it has answered RSET (check_after)",
                     check.connection->endpoint().to_string());
}

std::string Explainer::words_for(delivery::Open const& open) const {
  return fmt::format("goes at once on a new connection to {}", open.target->host);
}

std::string Explainer::words_for(delivery::Overtake const& overtake) const {
  return fmt::format("goes on a new connection to {}, since those on their way are late",
                     overtake.target->host);
}

std::string Explainer::words_for(delivery::GiveUp const& give_up) const {
  return fmt::format("goes on a new connection, once the one to {}, which is late, is given up",
                     give_up.late->endpoint().to_string());
}

std::string Explainer::words_for(delivery::MakeRoom const& room) const {
  return fmt::format(
      "goes on a new connection, once the idle one to {} is closed (max_connections)",
      room.leaving->endpoint().to_string());
}

// As mail would be answered: for its login, for what is required of TLS, or because every host
// failed lately.
void Explainer::tell_impossible(Explanation& e) const {
  constexpr std::uint16_t of_security = 7;  // RFC 3463: X.7.X
  auto const now = clock_.now();
  auto const answer = site_->unreachable(probe_, now);
  e.would = fmt::format("is answered {}", answer.reply_line());
  e.reason = answer.text;
  auto const& logins = dispatcher_.context().logins;
  if (auto const& login = probe_.login.name; !login.empty() && logins.is_unusable(login, now)) {
    e.blocked_by = "login";
    if (auto const known = logins.all().find(login); known != logins.all().end())
      e.not_before = moment_to_come(known->second.refused_until, clock_);
    return;
  }
  bool const is_tls = !answer.said_by_remote && answer.enhanced.subject == of_security;
  e.blocked_by = is_tls ? "tls" : name_of(Limit::BackingOff);
  e.not_before = moment_to_come(site_->backs_off_until(now), clock_);
}

}  // namespace mailpool::manager
