#pragma once
// Herding connections between lists: a state is a list, a connection in use is a lease.

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <string_view>
#include <utility>

#include "core/pool/connection.h"

namespace mailpool::pool {

class Pool;

/// A connection in use. Dropping it gives the connection back: to the idle ones only if it is
/// provably clean.
class Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        connection_(std::exchange(other.connection_, nullptr)) {}
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { give_back(); }

  void give_back();
  [[nodiscard]] Connection* connection() const { return connection_; }
  explicit operator bool() const { return connection_ != nullptr; }

 private:
  friend class Pool;
  Lease(Pool& pool, Connection& connection) : pool_(&pool), connection_(&connection) {}
  Pool* pool_ = nullptr;
  Connection* connection_ = nullptr;
};

/// What ages a connection; the operator's options of the same names.
struct Aging {
  Duration idle_timeout{};
  std::uint32_t max_messages = 0;  ///< 0: no limit
  std::uint32_t min_idle = 0;      ///< so many idle ones outlive idle_timeout
};

class Pool {
 public:
  Pool() = default;
  ~Pool();
  Pool(Pool const&) = delete;
  Pool& operator=(Pool const&) = delete;

  /// Takes ownership; the connection is Connecting.
  Connection& add(std::unique_ptr<Connection> connection);
  /// The one way to change a state: checks that the step is legal and moves the connection to its
  /// list.
  void enter(Connection& connection, ConnectionState state);
  /// Only an idle connection can be leased.
  [[nodiscard]] Lease lease(Connection& connection);
  /// Gives up ownership: the connection is closed on the wire. No lease may hold it.
  [[nodiscard]] std::unique_ptr<Connection> remove(Connection& connection);

  /// Newest first for Idle (the one used last is the likeliest to live, and the others can age
  /// out).
  [[nodiscard]] std::list<std::unique_ptr<Connection>> const& in(ConnectionState state) const {
    return list(state);
  }
  /// All of them, by state; `visit` must not change the pool.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (auto const& list : lists_)
      for (auto const& connection : list) visit(static_cast<Connection const&>(*connection));
  }
  [[nodiscard]] std::size_t count(ConnectionState state) const { return list(state).size(); }
  [[nodiscard]] std::size_t open() const;
  [[nodiscard]] bool is_empty() const { return open() == 0; }

  /// Why an idle connection should be closed now, as the option's name; empty to keep it.
  [[nodiscard]] std::string_view reason_to_close(Connection const& connection, Aging const& aging,
                                                 TimePoint now) const;
  /// When an idle connection will next have a reason to be closed.
  [[nodiscard]] TimePoint next_reason(Aging const& aging) const;

 private:
  friend class Lease;
  using List = std::list<std::unique_ptr<Connection>>;
  [[nodiscard]] List const& list(ConnectionState state) const {
    return lists_[static_cast<std::size_t>(state)];
  }
  [[nodiscard]] List& list(ConnectionState state) {
    return lists_[static_cast<std::size_t>(state)];
  }
  void release(Connection& connection);

  std::array<List, connection_states> lists_;
};

}  // namespace mailpool::pool
