#pragma once
// What delivery asks of the network; the manager implements it with sockets, tests with a simulated
// one.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/pool/tls_session_key.h"
#include "core/route/router.h"
#include "core/smtp/session.h"
#include "core/tls/policy.h"

namespace mailpool::delivery {

using TlsFacts = tls::Facts;

/// Who is behind a transport. Calls come from the event loop only, never from inside
/// Network::connect() or a Transport's methods.
class TransportEvents {
 public:
  virtual ~TransportEvents() = default;
  virtual void on_connected(TimePoint now) = 0;
  virtual void on_received(std::string_view octets, TimePoint now) = 0;
  /// Could not connect, EOF, reset, or another failure, in words; of a handshake only that it could
  /// not begin. The transport is of no use any more.
  virtual void on_disconnected(std::string_view how, TimePoint now) = 0;
  /// Instead of on_connected() and on_disconnected(): descriptors or memory are short here, in
  /// words. Nobody was connected to.
  virtual void on_no_socket(std::string_view why, TimePoint now) = 0;
  /// Whether the session may be resumed: a resumed one proves nothing anew, so what this handshake
  /// proved has to be enough.
  [[nodiscard]] virtual bool on_tls_established(TlsFacts facts, TimePoint now) = 0;
  /// The handshake has begun and has failed, the server's end of the connection included.
  virtual void on_tls_failed(std::string_view why, TimePoint now) = 0;
  /// deadline() has passed.
  virtual void on_deadline(TimePoint now) = 0;

  // What the transport pulls, after wake().
  [[nodiscard]] virtual smtp::Output output(TimePoint now) = 0;
  virtual void written(std::size_t n, TimePoint now) = 0;
  virtual void offered() = 0;
  [[nodiscard]] virtual TimePoint deadline() const = 0;
};

/// A connection on the wire. Destroying it closes it at once.
class Transport {
 public:
  virtual ~Transport() = default;
  /// There may be output, or another deadline.
  virtual void wake() = 0;
  /// `session`: whose sessions may be resumed; nothing: none, ever.
  virtual void begin_tls(tls::Plan const& plan, std::optional<pool::TlsSessionKey> session) = 0;
  /// Whether a handshake is under way or has just failed that offered a session, or nothing was
  /// heard yet under one that was resumed. The next one, on another connection, offers none.
  [[nodiscard]] virtual bool is_resuming() const = 0;
  /// Where it was connected from; 0.0.0.0 as long as it is not connected.
  [[nodiscard]] virtual IpAddress local_address() const = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  /// `prohibited`: never connected to, unless the target may be local; checked on the address that
  /// is really used. Own addresses too. `source`: the local address, of the target's family; null:
  /// the kernel chooses.
  virtual std::unique_ptr<Transport> connect(route::Target const& target, IpAddress const* source,
                                             std::vector<IpNetwork> const& prohibited,
                                             TransportEvents& events) = 0;
};

/// What time it is where no caller says so (an answer of the resolver), and wall time for words:
/// "suspended until 14:05:00".
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const = 0;
  [[nodiscard]] virtual WallTime wall(TimePoint t) const = 0;
};

}  // namespace mailpool::delivery
