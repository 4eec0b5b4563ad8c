// The life of a profile's clients and connections; who gets which is in profile_serve.cc.

#include "core/imap/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/imap/probe.h"
#include "core/imap/wire_key.h"

namespace mailpool::imap {
namespace {

constexpr std::string_view is_draining_text =
    "[UNAVAILABLE] mailpool takes no more logins: it is draining";
constexpr Duration no_warmth_in_shortage = std::chrono::seconds(10);
constexpr std::string_view not_offered_text =
    "[CANNOT] The server offers no login with a secret of this kind";
// Whoever waits for a login hears why it failed, not that it took too long.
constexpr Duration told_first = std::chrono::milliseconds(10);

}  // namespace

using pool::ConnectionState;

void Totals::add(Totals const& other) {
  created += other.created;
  reused += other.reused;
  logins_refused += other.logins_refused;
  for (std::size_t i = 0; i < discarded.size(); ++i) discarded[i] += other.discarded[i];
}

Profile::Profile(ImapSettings settings, std::string authorities, Context& context)
    : settings_(std::move(settings)),
      authorities_(std::move(authorities)),
      context_(context),
      health_(settings_.server.size()) {
  recall_capabilities();
}

Profile::~Profile() {
  // Clients first: they hold leases of the pools.
  probes_.clear();
  for (auto& client : clients_) client->drop(TimePoint{});
  waiting_.clear();
  clients_.clear();
  users_.clear();
}

Client& Profile::admit(Peer peer, TimePoint now) {
  used_at_ = now;
  clients_.push_front(std::make_unique<Client>(++context_.last_id, peer, offer_,
                                               settings_.client_timeout, false, *this, now));
  clients_.front()->place = clients_.begin();
  return *clients_.front();
}

void Profile::adopt(std::unique_ptr<Client> client, TimePoint now) {
  used_at_ = now;
  client->change_listener(*this);
  clients_.push_front(std::move(client));
  clients_.front()->place = clients_.begin();
}

SecretKind Profile::kind_of_account() const {
  auto const& account = settings_.account;
  if (account.external) return SecretKind::External;
  bool const is_token = !account.token_file.empty() || !account.token_command.empty();
  return is_token ? SecretKind::Token : SecretKind::Password;
}

void Profile::set_account_secret(Secret secret) {
  account_secret_ = std::move(secret);
  auto const login = account_login();
  auto const before = std::exchange(account_verifier_, std::nullopt);
  if (login) account_verifier_ = context_.verifiers.of(settings_.name, *login);
  // The same token again is no reason to try again what was refused.
  if (before && account_verifier_ && is_same(*before, &*account_verifier_)) return;
  warm_after_ = {};
  due();
}

std::optional<LoginRequest> Profile::account_login() const {
  auto const kind = kind_of_account();
  if (!settings_.account.is_configured()) return std::nullopt;
  if (account_secret_.is_empty() && kind != SecretKind::External) return std::nullopt;
  return LoginRequest{settings_.account.user, {}, kind, account_secret_.copy()};
}

std::size_t Profile::open() const {
  std::size_t n = 0;
  for (auto const& [key, user] : users_) n += user->connections().open();
  return n;
}

UserPool& Profile::user_of(UserKey const& key) {
  auto& user = users_[key];
  if (!user) user = std::make_unique<UserPool>(key);
  return *user;
}

std::size_t Profile::idle() const {
  std::size_t n = 0;
  for (auto const& [key, user] : users_) n += user->count(ConnectionState::Idle);
  return n;
}

// Clients.

void Profile::on_request(Client& client, TimePoint now) {
  used_at_ = now;
  auto const& request = client.request();
  client.user = &user_of({request.user, request.authzid, request.kind});
  client.user->used_at = now;
  client.verifier = context_.verifiers.of(settings_.name, request);
  client.waits_since = now;
  client.waits_until = after(now, settings_.checkout_timeout);
  if (auto const* refusal = refusals_.find(client.verifier, now)) {
    client.delayed_refusal = refusal->text;
    client.waits_until = after(now, Refusals::delay_of(*refusal));
    return;
  }
  if (is_draining_) return client.refuse(is_draining_text, now);
  if (is_not_offered(request.kind, now)) return client.refuse(not_offered_text, now);
  if (waiting_.size() >= settings_.max_waiting && !(settings_.max_waiting == 0 && waiting_.empty()))
    return client.refuse(
        fmt::format("[UNAVAILABLE] {} logins wait already (max_waiting)", waiting_.size()), now);
  begin_wait(client, now);
  // The common case, a clean connection at hand, takes no detour.
  if (waiting_.size() == 1 && !is_paused_ && serve(client, now)) return;
  due();
}

void Profile::on_server_request(Client& client, TimePoint now) {
  client.refuse_server("[CANNOT] The server of this socket is fixed", now);
}

void Profile::begin_wait(Client& client, TimePoint now) {
  auto& user = *client.user;
  waiting_.push_back(&client);
  ++user.waiting;
  client.is_short_of_one = user.believes(client.verifier, settings_.reauth_interval, now);
  if (client.is_short_of_one) user.shortage.begin_wait(now);
}

void Profile::end_wait(Client& client, TimePoint now) {
  auto const found = std::find(waiting_.begin(), waiting_.end(), &client);
  if (found == waiting_.end()) return;
  waiting_.erase(found);
  --client.user->waiting;
  if (std::exchange(client.is_short_of_one, false)) client.user->shortage.end_wait(now);
}

void Profile::refuse(Client& client, std::string_view text, TimePoint now) {
  end_wait(client, now);
  context_.log.info(fmt::format("imap login profile={} user={} pid={} status=refused ({})",
                                settings_.name, printable(client.user->key().user),
                                client.peer().pid, printable(text)));
  client.refuse(text, now);
}

void Profile::on_wait_ended(Client& client, TimePoint now) {
  end_wait(client, now);
}

TimePoint Profile::login_due(Client const& client) const {
  // Each login that is on its way is somebody's, in the order in which they wait.
  std::size_t before = 0;
  for (auto const* other : waiting_) {
    if (other == &client) break;
    if (other->user == client.user && is_same(other->verifier, &client.verifier)) ++before;
  }
  for (auto const& c : client.user->connections().in(ConnectionState::Connecting)) {
    auto const& upstream = static_cast<Upstream const&>(*c);
    if (!is_same(upstream.plan().verifier, &client.verifier)) continue;
    auto const at = upstream.login_due();
    if (at == never) continue;
    if (before == 0) return at;
    --before;
  }
  return never;
}

void Profile::on_waited(Client& client, TimePoint now) {
  if (!client.delayed_refusal.empty())
    return client.refuse(std::exchange(client.delayed_refusal, {}), now);
  // Its own login is with the server, which has a time of its own (login_timeout).
  if (auto const due = login_due(client); due != never && due > now) {
    client.waits_until = after(due, told_first);
    return;
  }
  auto const& user = *client.user;
  // What others have proved is not closed for a guess as long as it is needed.
  std::string_view const whose =
      is_known(user, client.verifier) ? "in use" : "needed by those whose passwords are known";
  std::string why;
  if (is_paused_)
    why = "the profile is paused (poolctl imap resume)";
  else if (user.connections().open() >= settings_.pool_size)
    why = fmt::format("all {} connections of this user are {} (pool_size)",
                      user.connections().open(), whose);
  else if (open() >= settings_.max_connections)
    why = fmt::format("all {} connections are {} (max_connections)", open(), whose);
  else
    why = user.last_error.empty() ? "the server does not answer" : user.last_error;
  refuse(client,
         fmt::format("[UNAVAILABLE] No connection within {} (checkout_timeout): {}",
                     to_text(settings_.checkout_timeout), why),
         now);
  due();
}

void Profile::on_gone(Client& client) {
  gone_.push_back(&client);
  due();
}

void Profile::on_loan_end(Client&, Upstream& upstream, TimePoint now) {
  upstream.user().loan.add(now - upstream.lent_at());
  due();
  switch (upstream.relay().phase()) {
    case Relay::Phase::Broken:
      return on_broken(upstream, now);
    case Relay::Phase::Idle:
      return on_ready(upstream, now);
    default:
      return upstream.note_client(now);
  }
}

void Profile::on_loan_too_long(Client& client, Upstream& upstream, TimePoint now) {
  context_.log.warning(fmt::format(
      "imap loan profile={} user={} pid={} uid={} held={} doing=\"{}\": longer than max_loan_time, "
      "taken away",
      settings_.name, printable(upstream.user().key().user), client.peer().pid, client.peer().uid,
      to_text(now - upstream.lent_at()), upstream.doing()));
  upstream.discard(Discard::MaxLoanTime, now);
}

// Connections.

bool Profile::is_up_to_date(Upstream const& upstream) const {
  auto const& plan = upstream.plan();
  auto const& servers = settings_.server;
  return plan.key.tls == wire_tls_of(settings_) &&
         plan.key.tls_settings == tls_settings_of(settings_, authorities_) &&
         std::find(servers.begin(), servers.end(), plan.server) != servers.end();
}

Discard Profile::reason_not_to_keep(Upstream& upstream, TimePoint now) const {
  auto const& user = upstream.user();
  // Off, everything leaks that could: the harness has to find it.
  if (context_.reset == Reset::On && !upstream.is_quiet()) return Discard::Desync;
  if (is_draining_) return why_draining_;
  if (!is_up_to_date(upstream)) return Discard::Reload;
  if (upstream.plan().generation != user.generation()) return Discard::CredChanged;
  if (now >= upstream.expires_at()) return Discard::MaxLifetime;
  if (settings_.max_uses != 0 && upstream.uses() >= settings_.max_uses) return Discard::MaxUses;
  auto const live = user.count(ConnectionState::Idle) + user.count(ConnectionState::Busy) +
                    user.count(ConnectionState::Checking);
  if (live > settings_.pool_size) return Discard::OverSize;
  return Discard::None;
}

void Profile::on_ready(Upstream& upstream, TimePoint now) {
  due();
  if (upstream.state() != ConnectionState::Idle)
    upstream.user().connections().enter(upstream, ConnectionState::Idle);
  if (auto const reason = reason_not_to_keep(upstream, now); reason != Discard::None)
    retire(upstream, reason, now);
}

void Profile::retire(Upstream& upstream, Discard reason, TimePoint now) {
  // What was given up is not opened again for nobody while descriptors are short.
  if (reason == Discard::Descriptors)
    warm_after_ = std::max(warm_after_, after(now, no_warmth_in_shortage));
  upstream.discard(reason, now);
}

void Profile::count_discard(UserPool& user, Discard reason) {
  ++user.discarded[static_cast<std::size_t>(reason)];
  ++totals_.discarded[static_cast<std::size_t>(reason)];
}

void Profile::on_broken(Upstream& upstream, TimePoint now) {
  auto& user = upstream.user();
  count_discard(user, upstream.reason());
  if (upstream.state() != ConnectionState::Closing)
    user.connections().enter(upstream, ConnectionState::Closing);
  log_closed(upstream, now);
  upstream.close(now);
  due();
}

void Profile::on_closed(Upstream& upstream, TimePoint) {
  graveyard_.push_back(upstream.user().connections().remove(upstream));
  due();
}

void Profile::on_rested(Upstream& upstream, TimePoint now) {
  auto& user = upstream.user();
  auto reason = reason_not_to_keep(upstream, now);
  if (reason == Discard::None && now >= after(upstream.rested_since(), settings_.idle_timeout)) {
    bool const is_spare = user.count(ConnectionState::Idle) > settings_.min_idle;
    if (is_spare)
      reason = Discard::IdleTimeout;
    else
      upstream.rest_anew(now);
  }
  if (reason != Discard::None) return retire(upstream, reason, now);
  user.connections().enter(upstream, ConnectionState::Checking);
  upstream.begin_check(now);
}

void Profile::close_idle(UserPool& user, Discard reason, TimePoint now) {
  std::vector<Upstream*> idle;
  for (auto const& c : user.connections().in(ConnectionState::Idle))
    idle.push_back(static_cast<Upstream*>(c.get()));
  for (auto* upstream : idle) retire(*upstream, reason, now);
}

std::string Profile::name_of(Upstream const& upstream) const {
  auto const& plan = upstream.plan();
  auto const& user = const_cast<Upstream&>(upstream).user();
  return fmt::format("profile={} user={} endpoint={}:{}{}", settings_.name,
                     printable(user.key().user), plan.server.host, plan.server.port,
                     upstream.peer().empty() ? "" : fmt::format("[{}]", upstream.peer()));
}

void Profile::log_closed(Upstream const& upstream, TimePoint now) const {
  context_.log.info(fmt::format("imap connection {} state=closing reason=\"{}\" uses={} age={:.1f}",
                                name_of(upstream), imap::name_of(upstream.reason()),
                                upstream.uses(), seconds(now - upstream.opened_at())));
}

// From outside.

// As they are now: what is done to one may change the list.
std::vector<Client*> Profile::all_clients() const {
  std::vector<Client*> all;
  for (auto const& client : clients_) all.push_back(client.get());
  return all;
}

void Profile::reconfigure(ImapSettings settings, std::string authorities, TimePoint now) {
  bool const is_elsewhere =
      settings.server != settings_.server || wire_tls_of(settings) != wire_tls_of(settings_) ||
      tls_settings_of(settings, authorities) != tls_settings_of(settings_, authorities_);
  settings_ = std::move(settings);
  authorities_ = std::move(authorities);
  if (!is_elsewhere) return due();
  health_ = ServerHealth(settings_.server.size());
  may_turn_over_ = true;
  recall_capabilities();
  // What is connected elsewhere, or verified otherwise, serves nobody who comes from now on.
  for (auto& [key, user] : users_) {
    user->forget();
    user->forget_put_offs();
    close_idle(*user, Discard::Reload, now);
  }
  due();
}

void Profile::drain(Discard why, TimePoint now) {
  is_draining_ = true;
  why_draining_ = why;
  for (auto& [key, user] : users_) close_idle(*user, why, now);
  for (auto* client : all_clients()) {
    bool const may_finish = why == Discard::Drain && client->phase() == Client::Phase::Lent;
    if (may_finish) continue;
    if (client->phase() == Client::Phase::Waiting) refuse(*client, is_draining_text, now);
    client->send_away(is_draining_text, now);
  }
  due();
}

void Profile::undrain() {
  is_draining_ = false;
  due();
}

void Profile::end_loans(TimePoint now) {
  for (auto* client : all_clients()) {
    client->send_away("[UNAVAILABLE] mailpool is draining, and drain_timeout is over", now);
    // In the middle of a command nothing can be said to it.
    if (client->phase() == Client::Phase::Lent) client->drop(now);
  }
  std::vector<Upstream*> unfinished;
  for (auto& [key, user] : users_)
    for (auto state :
         {ConnectionState::Connecting, ConnectionState::Idle, ConnectionState::Checking})
      for (auto const& c : user->connections().in(state))
        unfinished.push_back(static_cast<Upstream*>(c.get()));
  for (auto* upstream : unfinished) upstream->discard(why_draining_, now);
  due();
}

void Profile::stop(TimePoint now) {
  for (auto* client : all_clients()) client->drop(now);
}

void Profile::resume(TimePoint) {
  is_paused_ = false;
  due();
}

std::optional<std::size_t> Profile::flush(std::string const& name, TimePoint now) {
  std::optional<std::size_t> closed;
  for (auto& [key, user] : users_) {
    if (key.user != name) continue;
    closed = closed.value_or(0) + user->count(ConnectionState::Idle);
    user->forget();
    close_idle(*user, Discard::Flush, now);
  }
  refusals_.forget_all();
  return closed;
}

void Profile::sweep() {
  graveyard_.clear();
  for (auto* client : std::exchange(gone_, {})) clients_.erase(client->place);
  std::erase_if(probes_, [](auto const& probe) { return probe->is_over(); });
}

}  // namespace mailpool::imap
