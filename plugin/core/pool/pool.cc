#include "core/pool/pool.h"

#include <algorithm>
#include <cassert>

namespace mailpool::pool {

std::string_view name_of(ConnectionState state) {
  static constexpr std::array<std::string_view, connection_states> names{
      "connecting", "idle", "busy", "checking", "closing"};
  return names[static_cast<std::size_t>(state)];
}

bool is_legal_step(ConnectionState from, ConnectionState to) {
  using S = ConnectionState;
  switch (to) {
    case S::Connecting:
      return false;
    case S::Idle:
      return from == S::Connecting || from == S::Busy || from == S::Checking;
    case S::Busy:
      return from == S::Idle;
    case S::Checking:
      return from == S::Idle || from == S::Busy;
    case S::Closing:
      return from != S::Closing;
  }
  return false;
}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    give_back();
    pool_ = std::exchange(other.pool_, nullptr);
    connection_ = std::exchange(other.connection_, nullptr);
  }
  return *this;
}

void Lease::give_back() {
  if (pool_ == nullptr) return;
  std::exchange(pool_, nullptr)->release(*std::exchange(connection_, nullptr));
}

Pool::~Pool() {
  assert(list(ConnectionState::Busy).empty() && "a lease never outlives its pool");
}

Connection& Pool::add(std::unique_ptr<Connection> connection) {
  auto& connecting = list(ConnectionState::Connecting);
  connecting.push_front(std::move(connection));
  auto& added = *connecting.front();
  added.place_ = connecting.begin();
  return added;
}

void Pool::enter(Connection& connection, ConnectionState state) {
  assert(is_legal_step(connection.state_, state) &&
         "connection states follow the picture in connection.h");
  auto& to = list(state);
  to.splice(to.begin(), list(connection.state_), connection.place_);
  connection.state_ = state;
  if (state == ConnectionState::Idle) connection.idle_since_ = connection.last_heard();
  connection.on_state(state);
}

Lease Pool::lease(Connection& connection) {
  enter(connection, ConnectionState::Busy);
  ++connection.uses_;
  return Lease(*this, connection);
}

void Pool::release(Connection& connection) {
  // The server may have ended the connection while it was in use: then it is Closing already.
  if (connection.state_ == ConnectionState::Busy) enter(connection, connection.state_after_use());
}

std::unique_ptr<Connection> Pool::remove(Connection& connection) {
  assert(connection.state_ != ConnectionState::Busy &&
         "a leased connection is given back before it is removed");
  auto& from = list(connection.state_);
  auto removed = std::move(*connection.place_);
  from.erase(connection.place_);
  return removed;
}

std::size_t Pool::open() const {
  std::size_t n = 0;
  for (auto const& l : lists_) n += l.size();
  return n;
}

std::string_view Pool::reason_to_close(Connection const& connection, Aging const& aging,
                                       TimePoint now) const {
  if (aging.max_messages != 0 && connection.uses() >= aging.max_messages) return "max_messages";
  if (now >= connection.expires_at()) return "max_lifetime";
  bool const is_spare = count(ConnectionState::Idle) > aging.min_idle;
  if (is_spare && now >= after(connection.idle_since(), aging.idle_timeout)) return "idle_timeout";
  return {};
}

TimePoint Pool::next_reason(Aging const& aging) const {
  auto next = never;
  bool const is_spare = count(ConnectionState::Idle) > aging.min_idle;
  for (auto const& c : in(ConnectionState::Idle)) {
    next = std::min(next, c->expires_at());
    if (is_spare) next = std::min(next, after(c->idle_since(), aging.idle_timeout));
  }
  return next;
}

}  // namespace mailpool::pool
