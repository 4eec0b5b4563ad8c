// Who gets which connection, and when a new one is opened.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/text.h"
#include "core/imap/probe.h"
#include "core/imap/profile.h"
#include "core/imap/wire_key.h"

namespace mailpool::imap {
namespace {

using pool::ConnectionState;

// A user whose last connection is gone is remembered for so long after its last login.
constexpr Duration remembered = std::chrono::hours(1);
constexpr std::size_t most_remembered = 1000;
constexpr Duration forgetting_every = std::chrono::seconds(1);
// What has rested for so long is missed by nobody.
constexpr Duration not_needed = std::chrono::seconds(30);
// What was heard of so lately has just been proved: "0s" as check_after is one NOOP for each loan.
constexpr Duration proved = std::chrono::milliseconds(100);

Upstream& upstream_of(pool::Connection& connection) {
  return static_cast<Upstream&>(connection);
}

bool rests_longer(std::unique_ptr<pool::Connection> const& a,
                  std::unique_ptr<pool::Connection> const& b) {
  return upstream_of(*a).rested_since() < upstream_of(*b).rested_since();
}

// Not the order of the list: NOOP to keep a connection alive moves it to the front.
Upstream& last_used(pool::Pool& pool) {
  auto const& idle = pool.in(ConnectionState::Idle);
  return upstream_of(**std::max_element(idle.begin(), idle.end(), rests_longer));
}

Upstream& longest_at_rest_of(pool::Pool& pool) {
  auto const& idle = pool.in(ConnectionState::Idle);
  return upstream_of(**std::min_element(idle.begin(), idle.end(), rests_longer));
}

}  // namespace

void Profile::run(TimePoint now) {
  is_due_ = false;
  next_run_ = health_.next_probe();
  if (next_run_ == never || !lacks_sockets(now)) {
    probe_servers(now);
  } else {
    next_run_ = std::max(next_run_, context_.no_socket_before);
  }
  if (!is_paused_) {
    serve_all(now);
    keep_warm(now);
  }
  if (!waiting_.empty()) next_run_ = std::min(next_run_, health_.next_try(now));
  if (now >= next_forgetting_) forget_unused(now);
}

void Profile::serve_all(TimePoint now) {
  std::map<UserPool*, std::vector<Client*>> unserved;
  std::vector<Client*> not_known;
  for (auto* client : std::vector<Client*>(waiting_.begin(), waiting_.end())) {
    auto* const user = client->user;
    if (!is_known(*user, client->verifier))
      not_known.push_back(client);
    else if (!serve(*client, now))
      unserved[user].push_back(client);
  }
  for (auto& [user, clients] : unserved) grow(*user, clients, now);
  // After all whose secret was good once: a flood of guesses keeps nobody from a connection.
  for (auto* client : not_known)
    if (client->phase() == Client::Phase::Waiting) prove(*client, now);
  refuse_hopeless(now);
}

void Profile::forget_unused(TimePoint now) {
  next_forgetting_ = after(now, forgetting_every);
  std::set<UserPool const*> held;
  for (auto const& client : clients_)
    if (client->phase() == Client::Phase::Waiting) held.insert(client->user);
  std::erase_if(users_, [&](auto const& entry) {
    auto const& user = *entry.second;
    if (user.waiting != 0 || !user.connections().is_empty() || held.contains(&user)) return false;
    // Names that nobody ever logged in as are kept for their figures while there is room.
    bool const is_worth_it = user.has_verifier() || users_.size() <= most_remembered;
    return !is_worth_it || now >= after(user.used_at, remembered);
  });
}

// [imap.NAME.account] min_idle: connections that are there before anybody asks.
void Profile::keep_warm(TimePoint now) {
  if (settings_.min_idle == 0 || !account_login() || is_draining_) return;
  auto& user = user_of(account_key());
  auto const& pool = user.connections();
  auto const spare = [&] {
    return pool.count(ConnectionState::Idle) + pool.count(ConnectionState::Connecting) +
           pool.count(ConnectionState::Checking);
  };
  if (spare() >= settings_.min_idle) return;
  // A password that was refused is not tried again and again for nobody.
  if (now < warm_after_) {
    next_run_ = std::min(next_run_, warm_after_);
    return;
  }
  if (is_put_off(user, now)) return;
  next_run_ = std::min(next_run_, health_.next_try(now));
  auto const login = *account_login();
  auto const verifier = context_.verifiers.of(settings_.name, login);
  user.used_at = now;
  while (spare() < settings_.min_idle && pool.open() < settings_.pool_size &&
         open() < settings_.max_connections) {
    // One login first, to see whether the password is right.
    bool const is_proof = !user.believes(verifier, settings_.reauth_interval, now);
    if (is_proof && user.is_trying(verifier)) return;
    if (!connect(user, login, verifier, is_proof, now)) return;
  }
}

bool Profile::serve(Client& client, TimePoint now) {
  auto& user = *client.user;
  if (user.believes(client.verifier, settings_.reauth_interval, now)) return lend_idle(client, now);
  prove(client, now);
  return client.phase() != Client::Phase::Waiting;
}

bool Profile::lend_idle(Client& client, TimePoint now) {
  auto& pool = client.user->connections();
  while (pool.count(ConnectionState::Idle) != 0) {
    auto& upstream = last_used(pool);
    if (auto const reason = reason_not_to_keep(upstream, now); reason != Discard::None) {
      retire(upstream, reason, now);
      continue;
    }
    bool const was_silent =
        now >= after(upstream.last_heard(), std::max(settings_.check_after, proved));
    if (was_silent || upstream.has_unread()) {
      // One at a time for each who waits; when it has answered, it is the newest.
      if (pool.count(ConnectionState::Checking) >= client.user->waiting) return false;
      pool.enter(upstream, ConnectionState::Checking);
      upstream.begin_check(now);
      return false;
    }
    if (upstream.uses() != 0) {
      ++client.user->reused;
      ++totals_.reused;
    }
    end_wait(client, now);
    client.grant(pool.lease(upstream), upstream, now);
    if (settings_.min_idle != 0) due();  // another one in its place
    return true;
  }
  return false;
}

std::optional<std::size_t> Profile::server_for(UserPool const& user, TimePoint now) const {
  return health_.choose(now, [&](std::size_t i) { return !user.is_put_off(i, now); });
}

bool Profile::is_put_off(UserPool const& user, TimePoint now) {
  if (server_for(user, now) || !health_.choose(now)) return false;
  for (std::size_t i = 0; i < health_.size(); ++i)
    if (user.is_put_off(i, now)) next_run_ = std::min(next_run_, user.put_off_until(i));
  return true;
}

// The server itself has to say yes before this client gets anything.
void Profile::prove(Client& client, TimePoint now) {
  auto& user = *client.user;
  if (user.is_trying(client.verifier) || is_put_off(user, now)) return;
  bool const is_known_one = is_known(user, client.verifier);
  if (!is_known_one && !may_try_unknown(user, client.peer())) return;
  if (!has_place(user, is_known_one, now)) return;
  (void)connect(user, client.request(), client.verifier, true, now, client.peer());
}

// Guesses are tried one after the other, and those of all users take a part of the room only. Of
// that, one who asks (the kernel says who; all of TCP are one) leaves a quarter to others.
bool Profile::may_try_unknown(UserPool const& user, Peer const& peer) const {
  std::size_t const at_once = user.has_verifier() ? 1 : 2;
  if (user.proofs() >= at_once) return false;
  std::size_t tried = 0;
  std::size_t by_peer = 0;
  for (auto const& [key, other] : users_) {
    tried += other->proofs();
    by_peer += other->proofs_for(peer.uid);
  }
  auto const room = std::max<std::size_t>(2, settings_.max_connections / 4);
  auto const for_others = std::max<std::size_t>(1, room / 4);
  return tried < room && by_peer < room - for_others;
}

bool Profile::is_known(UserPool const& user, Verifier const& verifier) const {
  return user.remembers(verifier) || is_of_account(user, verifier);
}

bool Profile::is_of_account(UserPool const& user, Verifier const& verifier) const {
  return user.key() == account_key() && account_verifier_ && is_same(verifier, &*account_verifier_);
}

// Below pool_size; where all are open, the one that has rested longest makes room.
bool Profile::has_place(UserPool& user, bool for_known, TimePoint now) {
  auto& pool = user.connections();
  if (pool.open() < settings_.pool_size) return true;
  if (pool.count(ConnectionState::Idle) == 0 || pool.count(ConnectionState::Closing) != 0)
    return false;
  auto& oldest = longest_at_rest_of(pool);
  if (!for_known && !has_rested(oldest, not_needed, now)) return false;
  retire(oldest, Discard::Reauth, now);
  return pool.open() < settings_.pool_size;
}

// A secret that nobody has proved may be wrong: it must not take a connection away from those who
// have the right one, unless they have not needed it for a while.
bool Profile::has_rested(Upstream& idle, Duration for_how_long, TimePoint now) {
  if (idle.user().count(ConnectionState::Idle) <= settings_.min_idle) return false;
  auto const from = after(idle.rested_since(), for_how_long);
  if (now < from) next_run_ = std::min(next_run_, from);
  return now >= from;
}

void Profile::grow(UserPool& user, std::vector<Client*> const& waiting, TimePoint now) {
  std::vector<Client*> believed;
  for (auto* client : waiting)
    if (client->phase() == Client::Phase::Waiting &&
        user.believes(client->verifier, settings_.reauth_interval, now))
      believed.push_back(client);
  if (believed.empty() || is_put_off(user, now)) return;
  auto const longest = now - believed.front()->waits_since;
  auto const wanted = connections_to_begin(
      {believed.size(), user.count(ConnectionState::Busy), user.count(ConnectionState::Checking),
       user.count(ConnectionState::Connecting), user.connections().open(), settings_.pool_size,
       user.loan.value(), user.login.value(), longest,
       user.shortage.is_lasting(user.login.value(), now)});
  // Spent, or in vain: it begins to add up anew.
  if (wanted != 0 || user.connections().open() >= settings_.pool_size) user.shortage.forget();
  for (std::size_t i = 0; i < wanted && i < believed.size(); ++i) {
    if (!connect(user, believed[i]->request(), believed[i]->verifier, false, now)) return;
  }
  // Those who are expected to be served by a connection that comes back are looked at again.
  if (wanted == 0 && longest < user.login.value())
    next_run_ = std::min(next_run_, after(believed.front()->waits_since, user.login.value()));
}

Upstream* Profile::longest_at_rest_but_of(UserPool const* user) const {
  Upstream* oldest = nullptr;
  for (auto const& [key, other] : users_) {
    if (other.get() == user || other->count(ConnectionState::Idle) == 0) continue;
    auto& candidate = longest_at_rest_of(other->connections());
    if (oldest == nullptr || candidate.rested_since() < oldest->rested_since()) oldest = &candidate;
  }
  return oldest;
}

bool Profile::connect(UserPool& user, LoginRequest const& request, Verifier const& verifier,
                      bool is_proof, TimePoint now, Peer const& peer) {
  if (open() >= settings_.max_connections) {
    bool const is_one_closing = std::any_of(users_.begin(), users_.end(), [](auto const& entry) {
      return entry.second->count(ConnectionState::Closing) != 0;
    });
    if (is_one_closing) return false;  // its place is coming free
    auto* idle = longest_at_rest_but_of(&user);
    if (idle == nullptr) return false;
    // A user who comes for the first time gets a turn while it waits.
    auto const enough = std::min(not_needed, settings_.checkout_timeout / 2);
    if (!is_known(user, verifier) && !has_rested(*idle, enough, now)) return false;
    bool const may_turn_over = settings_.unauthenticate && may_turn_over_ &&
                               idle->may_be_turned_over() &&
                               !user.is_put_off(idle->plan().server_index, now) &&
                               reason_not_to_keep(*idle, now) == Discard::None;
    if (may_turn_over) {
      auto plan = plan_for(user, verifier, is_proof, now);
      plan.asker = peer.uid;
      turn_over(*idle, user, request, std::move(plan), now);
      return true;
    }
    if (lacks_sockets(now)) return false;
    retire(*idle, Discard::OverSize, now);
    if (open() >= settings_.max_connections) return false;
  }
  auto const index = server_for(user, now);
  if (!index || lacks_sockets(now)) return false;
  auto plan = plan_for(user, verifier, is_proof, now);
  plan.asker = peer.uid;
  plan.server = settings_.server[*index];
  plan.server_index = *index;
  plan.key.mx_host = plan.server.host;
  plan.key.port = plan.server.port;
  auto made = std::make_unique<Upstream>(std::move(plan), user, settings_, request.copy(),
                                         context_.entropy, context_.reset, *this);
  auto& upstream = *made;
  user.connections().add(std::move(made));
  upstream.attach(context_.dialer.dial(settings_, upstream.plan().server, upstream));
  return true;
}

// Everything but the server and where it was reached.
Upstream::Plan Profile::plan_for(UserPool const& user, Verifier const& verifier, bool is_proof,
                                 TimePoint now) {
  Upstream::Plan plan;
  plan.id = ++context_.last_id;
  plan.key.protocol = pool::Protocol::Imap;
  plan.key.tls = wire_tls_of(settings_);
  plan.key.tls_settings = tls_settings_of(settings_, authorities_);
  plan.key.credential = {std::string(imap::name_of(user.key().kind)), user.key().user,
                         user.key().authzid, user.generation()};
  plan.opened_at = now;
  plan.expires_at = after(now, shortened(settings_.max_lifetime));
  plan.verifier = verifier;
  plan.generation = user.generation();
  plan.is_proof = is_proof;
  return plan;
}

// Of what was known of the connection nothing is kept but where it leads and when it ends: it has a
// ledger, capabilities and tags of its own, and is not lent before its new user is logged in.
void Profile::turn_over(Upstream& idle, UserPool& user, LoginRequest const& request,
                        Upstream::Plan plan, TimePoint now) {
  auto const& before = idle.plan();
  plan.server = before.server;
  plan.server_index = before.server_index;
  plan.key.tls = before.key.tls;
  plan.key.tls_settings = before.key.tls_settings;
  plan.key.mx_host = before.key.mx_host;
  plan.key.port = before.key.port;
  plan.expires_at = before.expires_at;
  plan.is_turned_over = true;
  auto made = std::make_unique<Upstream>(std::move(plan), user, settings_, request.copy(),
                                         context_.entropy, context_.reset, *this);
  made->take_over(idle, now);
  user.connections().add(std::move(made));
  idle.discard(Discard::TurnedOver, now);
}

// Who needs a new connection while no server can be asked is told so, and not kept waiting.
void Profile::refuse_hopeless(TimePoint now) {
  if (health_.choose(now) || health_.is_one_full(now)) return;
  std::vector<Client*> hopeless;
  for (auto* client : waiting_) {
    auto const& pool = client->user->connections();
    if (pool.open() == pool.count(ConnectionState::Closing)) hopeless.push_back(client);
  }
  for (auto* client : hopeless)
    refuse(*client,
           fmt::format("[UNAVAILABLE] {}", client->user->last_error.empty()
                                               ? health_.last_error(0)
                                               : client->user->last_error),
           now);
}

void Profile::probe_servers(TimePoint now) {
  while (auto const server = health_.to_probe(now)) {
    health_.begin_probe(*server);
    auto probe = std::make_unique<Probe>(*this, *server, now);
    probe->attach(context_.dialer.dial(settings_, settings_.server[*server], *probe));
    probes_.push_back(std::move(probe));
  }
}

// Up to a tenth shorter, so that what was opened together does not end together.
Duration Profile::shortened(Duration lifetime) {
  std::uint8_t octets[2];
  context_.entropy.fill(octets);
  auto const part = (octets[0] << 8U) | octets[1];
  return lifetime - lifetime / 10 * part / 65536;
}

}  // namespace mailpool::imap
