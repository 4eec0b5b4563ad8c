// Who gets which connection, and when a new one is opened.

#include <fmt/format.h>

#include <algorithm>

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

Upstream& longest_at_rest(pool::Pool& pool) {
  auto const& idle = pool.in(ConnectionState::Idle);
  return upstream_of(**std::min_element(idle.begin(), idle.end(), rests_longer));
}

}  // namespace

void Profile::run(TimePoint now) {
  is_due_ = false;
  next_run_ = health_.next_probe();
  probe_servers(now);
  if (!is_paused_) {
    std::map<UserPool*, std::vector<Client*>> unserved;
    for (auto* client : std::vector<Client*>(waiting_.begin(), waiting_.end())) {
      auto* const user = client->user;
      if (!serve(*client, now)) unserved[user].push_back(client);
    }
    for (auto& [user, clients] : unserved) grow(*user, clients, now);
    refuse_hopeless(now);
  }
  if (!waiting_.empty()) next_run_ = std::min(next_run_, health_.next_try(now));
  std::erase_if(users_, [&](auto const& entry) {
    auto const& user = *entry.second;
    bool const is_used =
        user.waiting != 0 || !user.connections().is_empty() ||
        std::any_of(clients_.begin(), clients_.end(), [&](auto const& client) {
          return client->user == &user && client->phase() == Client::Phase::Waiting;
        });
    // Names that nobody ever logged in as are kept for their figures while there is room.
    bool const is_worth_it = user.has_verifier() || users_.size() <= most_remembered;
    return !is_used && (!is_worth_it || now >= after(user.used_at, remembered));
  });
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
    if (upstream.uses() != 0) ++client.user->reused;
    end_wait(client);
    client.grant(pool.lease(upstream), upstream, now);
    return true;
  }
  return false;
}

bool Profile::is_put_off(UserPool const& user, TimePoint now) {
  if (now >= user.put_off_until()) return false;
  next_run_ = std::min(next_run_, user.put_off_until());
  return true;
}

// The server itself has to say yes before this client gets anything.
void Profile::prove(Client& client, TimePoint now) {
  auto& user = *client.user;
  if (user.is_trying(client.verifier) || is_put_off(user, now)) return;
  bool const is_same_secret = user.remembers(client.verifier);
  auto const open = user.connections().open();
  if (is_same_secret) {
    if (open >= settings_.pool_size) {
      // A fresh login takes the place of the connection that has rested longest.
      auto const& idle = user.connections().in(ConnectionState::Idle);
      if (!idle.empty() && user.count(ConnectionState::Closing) == 0)
        retire(longest_at_rest(user.connections()), Discard::Reauth, now);
      return;
    }
  } else {
    // A secret that is not known must not cost the others a connection: it is tried beside them,
    // one after the other.
    std::size_t const at_once = user.has_verifier() ? 1 : 2;
    if (user.proofs() >= at_once || open > settings_.pool_size) return;
  }
  if (!make_room(user, now)) return;
  (void)open_for(client, true, now);
}

void Profile::grow(UserPool& user, std::vector<Client*> const& waiting, TimePoint now) {
  std::vector<Client*> believed;
  for (auto* client : waiting)
    if (client->phase() == Client::Phase::Waiting &&
        user.believes(client->verifier, settings_.reauth_interval, now))
      believed.push_back(client);
  if (believed.empty() || is_put_off(user, now)) return;
  auto const checking = user.count(ConnectionState::Checking);
  auto const longest = now - believed.front()->waits_since;
  auto const wanted = connections_to_begin(
      {believed.size(), user.count(ConnectionState::Busy) + checking,
       user.count(ConnectionState::Connecting) + checking, user.connections().open(),
       settings_.pool_size, user.loan.value(), user.login.value(), longest});
  for (std::size_t i = 0; i < wanted && i < believed.size(); ++i) {
    if (!make_room(user, now) || !open_for(*believed[i], false, now)) return;
  }
  // Those who are expected to be served by a connection that comes back are looked at again.
  if (wanted == 0 && longest < user.login.value())
    next_run_ = std::min(next_run_, after(believed.front()->waits_since, user.login.value()));
}

// Below max_connections, or after taking an idle connection from another user.
bool Profile::make_room(UserPool const& user, TimePoint now) {
  if (open() < settings_.max_connections) return true;
  Upstream* oldest = nullptr;
  for (auto& [key, other] : users_) {
    if (other->count(ConnectionState::Closing) != 0) return false;  // its place is coming free
    auto const& idle = other->connections().in(ConnectionState::Idle);
    if (other.get() == &user || idle.empty()) continue;
    auto& candidate = longest_at_rest(other->connections());
    if (oldest == nullptr || candidate.rested_since() < oldest->rested_since()) oldest = &candidate;
  }
  if (oldest != nullptr) retire(*oldest, Discard::OverSize, now);
  return open() < settings_.max_connections;
}

bool Profile::open_for(Client& client, bool is_proof, TimePoint now) {
  auto const index = health_.choose(now);
  if (!index) return false;
  auto& user = *client.user;
  auto const& server = settings_.server[*index];
  Upstream::Plan plan;
  plan.id = ++context_.last_id;
  plan.key.mx_host = server.host;
  plan.key.port = server.port;
  plan.key.protocol = pool::Protocol::Imap;
  plan.key.tls = wire_tls_of(settings_);
  plan.key.tls_settings = tls_settings_of(settings_, authorities_);
  plan.key.credential = {user.key().kind == SecretKind::Token ? "token" : "password",
                         user.key().user, user.key().authzid, user.generation()};
  plan.opened_at = now;
  plan.expires_at = after(now, shortened(settings_.max_lifetime));
  plan.server = server;
  plan.server_index = *index;
  plan.verifier = client.verifier;
  plan.generation = user.generation();
  plan.is_proof = is_proof;
  auto made = std::make_unique<Upstream>(std::move(plan), user, settings_, client.request().copy(),
                                         context_.entropy, context_.reset, *this);
  auto& upstream = *made;
  user.connections().add(std::move(made));
  upstream.attach(context_.dialer.dial(settings_, server, upstream));
  return true;
}

// Who needs a new connection while no server can be asked is told so, and not kept waiting.
void Profile::refuse_hopeless(TimePoint now) {
  if (health_.choose(now)) return;
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
