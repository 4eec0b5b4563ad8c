#pragma once
// A TCP connection to a server, in plain text or TLS: plain non-blocking sockets on libevent's
// events.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/delivery/network.h"
#include "manager/loop.h"
#include "manager/socket_events.h"
#include "manager/tls.h"
#include "manager/tls_client.h"
#include "manager/tls_facts.h"
#include "manager/tls_resumption.h"

namespace mailpool::manager {

class Streams;

/// Lives until the end of the turn in which its transport handle was dropped.
class Stream final : private SocketListener {
 public:
  /// `refusal`: why the address must not be connected to; empty to connect. Failures are told at
  /// the end of the turn.
  Stream(Streams& streams, route::Target const& target, IpAddress const* source,
         delivery::TransportEvents& events, std::string refusal);
  ~Stream() override;
  Stream(Stream const&) = delete;
  Stream& operator=(Stream const&) = delete;

  void wake();
  void begin_tls(tls::Plan const& plan, std::optional<pool::TlsSessionKey> session);
  [[nodiscard]] IpAddress local_address() const;
  [[nodiscard]] bool is_resuming() const;
  /// Closes the socket; no event comes any more.
  void close();
  /// Writes what there is to write and sets the timer. At the end of a turn.
  void flush(TimePoint now);
  [[nodiscard]] bool is_closed() const { return events_ == nullptr; }

 private:
  enum class Phase : std::uint8_t { Connecting, Plain, Handshake, Tls };

  void on_socket(short what, TimePoint now) override;
  void on_timer(TimePoint now) override;
  void connect(route::Target const& target, IpAddress const* source);
  void fail(std::string how);
  /// As fail(), by an errno.
  void fail_with(int error);
  void connected(TimePoint now);
  void read(TimePoint now);
  void read_plain(TimePoint now);
  void read_tls(TimePoint now);
  void shake_hands(TimePoint now);
  void hands_are_shaken(TimePoint now);
  void write_plain(TimePoint now);
  void write_tls(TimePoint now);
  [[nodiscard]] std::size_t read_rest(std::span<char> to);
  /// A write failed: what the server said before it hung up counts first.
  void drain_and_end(std::string const& how, TimePoint now);
  void end(std::string_view how, TimePoint now);

  Streams& streams_;
  delivery::TransportEvents* events_;
  SocketEvents socket_;
  Phase phase_ = Phase::Connecting;
  SslPtr ssl_;
  std::optional<TlsResumption> resumption_;  ///< goes before ssl_
  std::string records_digest_;               ///< of the TLSA records that the handshake was given
  std::string failure_;                      ///< to be told at the end of the turn
  bool has_no_socket_ = false;               ///< it is no failure of the server's
  bool is_dirty_ = false;
};

/// All streams of the manager: who has something to write, and who is to be destroyed. Also
/// delivery's Network.
class Streams final : public delivery::Network {
 public:
  Streams(Loop& loop, std::shared_ptr<TlsClient const> tls) : loop_(loop), tls_(std::move(tls)) {}
  ~Streams() override;

  std::unique_ptr<delivery::Transport> connect(route::Target const& target, IpAddress const* source,
                                               std::vector<IpNetwork> const& prohibited,
                                               delivery::TransportEvents& events) override;

  /// The machine's own addresses, never connected to by MX.
  void set_own_addresses(std::vector<IpAddress> own) { own_ = std::move(own); }
  /// True while a stream has something to do in this turn.
  [[nodiscard]] bool has_work() const { return !dirty_.empty(); }
  void flush(TimePoint now);
  void sweep();
  [[nodiscard]] std::size_t open() const { return streams_.size(); }

  [[nodiscard]] Loop& loop() { return loop_; }
  [[nodiscard]] TlsClient const& tls() const { return *tls_; }
  /// For handshakes from now on. What others proved by the authorities of before is forgotten.
  void set_tls(std::shared_ptr<TlsClient const> tls) {
    tls_ = std::move(tls);
    sessions_.forget_all();
  }
  [[nodiscard]] Certificates& certificates() { return certificates_; }
  [[nodiscard]] TlsSessions& sessions() { return sessions_; }
  void is_dirty(Stream& stream);
  void bury(Stream& stream);
  /// Shared by all reads: what is read is handed on before the next read.
  std::array<char, 65536> buffer{};
  std::string gathered;  ///< shared by all TLS writes

 private:
  [[nodiscard]] std::string refusal_of(route::Target const& target,
                                       std::vector<IpNetwork> const& prohibited) const;
  Loop& loop_;
  std::shared_ptr<TlsClient const> tls_;
  Certificates certificates_;
  TlsSessions sessions_;
  std::vector<IpAddress> own_;
  std::vector<Stream*> dirty_;
  std::vector<Stream*> buried_;
  std::unordered_map<Stream*, std::unique_ptr<Stream>> streams_;
};

}  // namespace mailpool::manager
