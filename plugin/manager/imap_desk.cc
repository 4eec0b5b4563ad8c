#include "manager/imap_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/text.h"

namespace mailpool::manager {
namespace {

using imap::Profile;
using imap::Relay;
using imap::Upstream;
using imap::UserPool;
using pool::ConnectionState;

constexpr std::array all_states{ConnectionState::Connecting, ConnectionState::Idle,
                                ConnectionState::Busy, ConnectionState::Checking,
                                ConnectionState::Closing};

// The words of poolctl: what is being reset and what is being checked are both Checking to the
// pool, since neither may be lent.
std::string_view state_word(Upstream const& upstream) {
  switch (upstream.state()) {
    case ConnectionState::Connecting:
      return "login";
    case ConnectionState::Idle:
      return "idle";
    case ConnectionState::Busy:
      return "active";
    case ConnectionState::Checking: {
      auto const* relay = upstream.relay_or_null();
      return relay != nullptr && relay->phase() == Relay::Phase::Checking ? "checking"
                                                                          : "resetting";
    }
    case ConnectionState::Closing:
      break;
  }
  return "closing";
}

std::vector<control::CountedReason> list_of(imap::DiscardCounts const& counts) {
  std::vector<control::CountedReason> list;
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] != 0)
      list.push_back({std::string(imap::name_of(static_cast<imap::Discard>(i))), counts[i]});
  return list;
}

control::ImapCounts counts_of(imap::Totals const& totals) {
  return {totals.created, totals.reused, totals.logins_refused, list_of(totals.discarded)};
}

template <class Visit>
void for_each(UserPool const& user, Visit&& visit) {
  for (auto state : all_states)
    for (auto const& c : user.connections().in(state)) visit(static_cast<Upstream const&>(*c));
}

/// Adds a user's connections to the fields that a user and a profile have in common.
template <class Status>
void count_states(UserPool const& user, Status& s) {
  for (auto const& c : user.connections().in(ConnectionState::Checking))
    ++(state_word(static_cast<Upstream const&>(*c)) == "checking" ? s.checking : s.resetting);
  auto n = [&](ConnectionState state) { return static_cast<std::uint32_t>(user.count(state)); };
  s.active += n(ConnectionState::Busy);
  s.idle += n(ConnectionState::Idle);
  s.login += n(ConnectionState::Connecting);
  s.closing += n(ConnectionState::Closing);
}

control::ImapUserStatus status_of(Profile const& profile, UserPool const& user, TimePoint now) {
  control::ImapUserStatus s;
  s.profile = profile.settings().name;
  s.user = user.key().user;
  s.authzid = user.key().authzid;
  s.state = profile.state();
  count_states(user, s);
  s.waiting = static_cast<std::uint32_t>(user.waiting);
  for (auto const* client : profile.waiters())
    if (client->user == &user) s.longest_wait = std::max(s.longest_wait, now - client->waits_since);
  s.pool_size = profile.settings().pool_size;
  s.created = user.created;
  s.reused = user.reused;
  s.logins_refused = user.logins_refused;
  s.discarded = list_of(user.discarded);
  s.last_error = user.last_error;
  return s;
}

control::ImapProfileStatus status_of(ImapPools& pools, Profile const& profile) {
  auto const& settings = profile.settings();
  control::ImapProfileStatus s;
  s.profile = settings.name;
  s.state = profile.state();
  for (std::size_t i = 0; i < settings.server.size(); ++i)
    s.servers.push_back({fmt::format("{}:{}", settings.server[i].host, settings.server[i].port),
                         profile.health().is_down(i) ? "backing_off" : "open",
                         profile.health().last_error(i),
                         pools.certificate_until(settings.server[i].host)});
  s.clients = static_cast<std::uint32_t>(profile.clients());
  s.max_clients = settings.max_clients;
  s.waiting = static_cast<std::uint32_t>(profile.waiting());
  s.connections = static_cast<std::uint32_t>(profile.open());
  s.max_connections = settings.max_connections;
  for (auto const& [key, user] : profile.users()) count_states(*user, s);
  s.counts = counts_of(profile.totals());
  return s;
}

control::ImapConnectionStatus status_of(Profile const& profile, UserPool const& user,
                                        Upstream const& upstream, TimePoint now) {
  control::ImapConnectionStatus s;
  s.id = upstream.id();
  s.profile = profile.settings().name;
  s.user = user.key().user;
  s.server = fmt::format("{}:{}", upstream.plan().server.host, upstream.plan().server.port);
  s.address = upstream.peer();
  s.state = state_word(upstream);
  s.age = now - upstream.opened_at();
  s.in_state = now - upstream.in_state_since();
  s.uses = upstream.uses();
  auto const* borrower = upstream.borrower();
  if (borrower != nullptr) s.pid = static_cast<std::uint64_t>(std::max(borrower->peer().pid, 0));
  s.doing = upstream.doing();
  return s;
}

}  // namespace

control::ImapStatus ImapDesk::imap_status(std::size_t most, std::string const& user_name) {
  auto const now = clock_.now();
  control::ImapStatus s;
  s.peers_refused = pools_.peers_refused();
  s.forgotten = counts_of(pools_.forgotten());
  for (auto const& [name, profile] : pools_.profiles()) {
    s.profiles.push_back(status_of(pools_, *profile));
    for (auto const& [key, user] : profile->users()) {
      if (!user_name.empty() && key.user != user_name) continue;
      ++s.users_known;
      if (s.users.size() < most) s.users.push_back(status_of(*profile, *user, now));
    }
  }
  return s;
}

std::vector<control::ImapConnectionStatus> ImapDesk::imap_connections(std::size_t most) {
  auto const now = clock_.now();
  std::vector<control::ImapConnectionStatus> rows;
  // Names of their own: a lambda captures no structured binding.
  for (auto const& entry : pools_.profiles()) {
    auto const& profile = *entry.second;
    for (auto const& of_user : profile.users()) {
      auto const& user = *of_user.second;
      for_each(user, [&](Upstream const& upstream) {
        if (rows.size() < most) rows.push_back(status_of(profile, user, upstream, now));
      });
    }
  }
  return rows;
}

Result<imap::Profile*> ImapDesk::find(std::string const& name) const {
  auto const found = pools_.profiles().find(name);
  if (found != pools_.profiles().end()) return found->second.get();
  std::vector<std::string> names;
  for (auto const& [known, profile] : pools_.profiles()) names.push_back(known);
  auto const meant = nearest(name, names);
  return failed(fmt::format("there is no [imap.{}]{}", printable(name, 64),
                            meant.empty() ? "" : fmt::format("; is {} meant?", meant)));
}

Result<std::string> ImapDesk::imap_flush(std::string const& user) {
  auto const now = clock_.now();
  std::optional<std::size_t> closed;
  for (auto const& [name, profile] : pools_.profiles())
    if (auto const n = profile->flush(user, now)) closed = closed.value_or(0) + *n;
  pools_.end_turn_soon();
  if (!closed) return failed(fmt::format("{} has no connection in any profile", printable(user)));
  return fmt::format("{}: {} idle connection{} closed; the server is asked at the next login",
                     printable(user), *closed, *closed == 1 ? "" : "s");
}

Result<std::string> ImapDesk::imap_kill(std::string const& id) {
  auto const number = to_number(id);
  if (!number)
    return failed(fmt::format("{} is not the number of a connection", printable(id, 64)));
  for (auto const& [name, profile] : pools_.profiles()) {
    if (!profile->kill(*number, clock_.now())) continue;
    pools_.end_turn_soon();
    return fmt::format("{}: connection {} is closed, whoever had it", name, *number);
  }
  return failed(fmt::format("there is no connection {} (poolctl imap connections)", *number));
}

Result<std::string> ImapDesk::imap_pause(std::string const& name) {
  auto const profile = find(name);
  if (!profile) return tl::make_unexpected(profile.error());
  (*profile)->pause();
  return fmt::format("{}: paused; new logins wait, at most {} (checkout_timeout)", name,
                     to_text((*profile)->settings().checkout_timeout));
}

Result<std::string> ImapDesk::imap_resume(std::string const& name) {
  auto const profile = find(name);
  if (!profile) return tl::make_unexpected(profile.error());
  (*profile)->resume(clock_.now());
  pools_.end_turn_soon();
  return fmt::format("{}: logins are served again", name);
}

}  // namespace mailpool::manager
