#pragma once
// A pooled connection, as far as the pool knows it: its key, its state, its age. It knows no
// protocol.

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/pool/reuse_key.h"

namespace mailpool::pool {

/// Each state is a list of the pool.
///
///   connecting -> idle <-> busy;  idle or busy -> checking -> idle;  any -> closing
enum class ConnectionState : std::uint8_t {
  Connecting,  ///< not yet ready for its first use
  Idle,        ///< ready, nobody uses it; watched for anything that the server does
  Busy,        ///< leased
  Checking,    ///< probed before it may be used again
  Closing,     ///< saying good-bye; still open on the wire, so it still counts
};
inline constexpr std::size_t connection_states = 5;
[[nodiscard]] std::string_view name_of(ConnectionState state);
[[nodiscard]] bool is_legal_step(ConnectionState from, ConnectionState to);

class Connection {
 public:
  Connection(std::uint64_t id, ReuseKey key, TimePoint opened_at, TimePoint expires_at)
      : id_(id),
        key_(std::move(key)),
        opened_at_(opened_at),
        expires_at_(expires_at),
        idle_since_(opened_at) {}
  virtual ~Connection() = default;
  Connection(Connection const&) = delete;
  Connection& operator=(Connection const&) = delete;

  /// Where a lease that is dropped leaves it: Idle only if nothing is outstanding and nothing
  /// unread, else Checking or Closing.
  [[nodiscard]] virtual ConnectionState state_after_use() const = 0;
  /// It is in this state now.
  virtual void on_state(ConnectionState) {}
  /// When the server last said something that was asked for.
  [[nodiscard]] virtual TimePoint last_heard() const = 0;

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] ReuseKey const& key() const { return key_; }
  [[nodiscard]] ConnectionState state() const { return state_; }
  [[nodiscard]] TimePoint opened_at() const { return opened_at_; }
  [[nodiscard]] TimePoint expires_at() const {
    return expires_at_;
  }  ///< max_lifetime with its jitter
  [[nodiscard]] TimePoint idle_since() const { return idle_since_; }
  [[nodiscard]] std::uint32_t uses() const { return uses_; }  ///< leases so far

 private:
  friend class Pool;
  std::uint64_t id_;
  ReuseKey key_;
  ConnectionState state_ = ConnectionState::Connecting;
  TimePoint opened_at_;
  TimePoint expires_at_;
  TimePoint idle_since_;
  std::uint32_t uses_ = 0;
  std::list<std::unique_ptr<Connection>>::iterator place_;
};

}  // namespace mailpool::pool
