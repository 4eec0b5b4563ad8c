// The life of a profile's clients and connections; who gets which is in profile_serve.cc.

#include "core/imap/profile.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/imap/probe.h"
#include "core/imap/wire_key.h"

namespace mailpool::imap {
namespace {

constexpr std::string_view is_draining_text =
    "[UNAVAILABLE] mailpool takes no more logins: it is draining";
constexpr Duration shortage_rest = std::chrono::seconds(10);

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
  clients_.push_front(std::make_unique<Client>(++context_.last_id, peer, offered_,
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

void Profile::set_account_password(Secret password) {
  account_password_ = std::move(password);
  auto const login = account_login();
  account_verifier_.reset();
  if (login) account_verifier_ = context_.verifiers.of(settings_.name, *login);
  warm_after_ = {};
  due();
}

std::optional<LoginRequest> Profile::account_login() const {
  if (!settings_.account.is_configured() || account_password_.is_empty()) return std::nullopt;
  return LoginRequest{settings_.account.user, {}, SecretKind::Password, account_password_.copy()};
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
  if (waiting_.size() >= settings_.max_waiting && !(settings_.max_waiting == 0 && waiting_.empty()))
    return client.refuse(
        fmt::format("[UNAVAILABLE] {} logins wait already (max_waiting)", waiting_.size()), now);
  waiting_.push_back(&client);
  ++client.user->waiting;
  // The common case, a clean connection at hand, takes no detour.
  if (waiting_.size() == 1 && !is_paused_ && serve(client, now)) return;
  due();
}

void Profile::on_server_request(Client& client, TimePoint now) {
  client.refuse_server("[CANNOT] The server of this socket is fixed", now);
}

void Profile::end_wait(Client& client) {
  auto const found = std::find(waiting_.begin(), waiting_.end(), &client);
  if (found == waiting_.end()) return;
  waiting_.erase(found);
  --client.user->waiting;
}

void Profile::refuse(Client& client, std::string_view text, TimePoint now) {
  end_wait(client);
  context_.log.info(fmt::format("imap login profile={} user={} pid={} status=refused ({})",
                                settings_.name, printable(client.user->key().user),
                                client.peer().pid, printable(text)));
  client.refuse(text, now);
}

void Profile::on_wait_ended(Client& client) {
  end_wait(client);
}

void Profile::on_waited(Client& client, TimePoint now) {
  if (!client.delayed_refusal.empty())
    return client.refuse(std::exchange(client.delayed_refusal, {}), now);
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

void Profile::on_logged_in(Upstream& upstream, TimePoint now) {
  auto& user = upstream.user();
  health_.note_success(upstream.plan().server_index);
  user.login.add(now - upstream.plan().opened_at);
  user.last_error.clear();
  ++user.created;
  ++totals_.created;
  auto const before = user.generation();
  // What was verified as a reload has just forbidden proves no password.
  if (is_up_to_date(upstream)) user.note_success(upstream.plan().verifier, now);
  upstream.set_generation(user.generation());
  if (user.generation() != before) close_idle(user, Discard::CredChanged, now);
  keep_capabilities(upstream.relay().capabilities());
  context_.log.info(fmt::format("imap connection {} state=idle login={:.3f}", name_of(upstream),
                                seconds(now - upstream.plan().opened_at)));
  on_ready(upstream, now);
}

void Profile::on_not_logged_in(Upstream& upstream, TimePoint now) {
  auto& user = upstream.user();
  auto const& plan = upstream.plan();
  auto const verifier = plan.verifier;
  user.last_error = upstream.failure();
  bool const was_refused = upstream.was_refused();
  bool const was_put_off = upstream.was_put_off();
  context_.log.warning(fmt::format("imap connection {} state=closing reason=\"{}\"",
                                   name_of(upstream), printable(upstream.failure())));
  if (was_refused) {
    health_.note_success(plan.server_index);
    ++user.logins_refused;
    ++totals_.logins_refused;
    if (is_of_account(user, verifier)) warm_after_ = after(now, settings_.reauth_interval);
    refusals_.note(verifier, upstream.failure(), now);
    // Only what was proved by the very secret that is refused now is thrown away.
    if (user.remembers(verifier)) {
      user.forget();
      close_idle(user, Discard::CredChanged, now);
    }
  } else if (was_put_off) {
    health_.note_success(plan.server_index);
    user.put_off_logins(now);
  } else if (plan.is_turned_over) {
    // No fault of the server's health: only connections that it has greeted tell of that.
    if (upstream.login().has_refused_to_unauthenticate()) may_turn_over_ = false;
  } else {
    health_.note_failure(plan.server_index, upstream.failure(), now);
  }
  auto const failure = upstream.failure();
  user.connections().enter(upstream, ConnectionState::Closing);
  upstream.close(now);
  // A login that is put off is worth waiting for where another connection may come back.
  bool const has_another = user.connections().open() != user.count(ConnectionState::Closing);
  if (was_refused || (was_put_off && !has_another)) refuse_all_with(user, verifier, failure, now);
  due();
}

void Profile::refuse_all_with(UserPool& user, Verifier const& verifier, std::string const& text,
                              TimePoint now) {
  std::vector<Client*> refused;
  for (auto* client : waiting_)
    if (client->user == &user && is_same(client->verifier, &verifier)) refused.push_back(client);
  for (auto* client : refused) refuse(*client, text, now);
}

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
    warm_after_ = std::max(warm_after_, after(now, shortage_rest));
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

// What the servers offer.

std::string Profile::place() const {
  auto const& server = settings_.server.front();
  return fmt::format("{} {}:{}", settings_.name, server.host, server.port);
}

void Profile::recall_capabilities() {
  offered_ = {};
  auto const record = context_.memory.capabilities(place());
  if (!record) return;
  if (auto known = Capabilities::from_record(*record)) offered_ = std::move(*known);
}

void Profile::keep_capabilities(Capabilities const& capabilities) {
  offered_ = capabilities;
  context_.memory.keep_capabilities(place(), capabilities.to_record());
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
