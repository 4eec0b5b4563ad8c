#pragma once
// IMAP's connections on plain non-blocking sockets: clients that were accepted, servers that are
// dialled. Each reads only while whoever is behind it has room.

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/imap/channel.h"
#include "core/route/resolver.h"
#include "manager/imap_tls.h"
#include "manager/loop.h"
#include "manager/socket_events.h"

namespace mailpool::manager {

class ImapChannels;

/// Of errno, after a socket could not be made or accepted.

/// Lives until the end of the turn in which its handle was dropped.
class ImapChannel final : private route::AddressListener, private SocketListener {
 public:
  /// A client's.
  ImapChannel(ImapChannels& channels, int fd, imap::ChannelEvents& events);
  /// A server's.
  ImapChannel(ImapChannels& channels, ImapSettings const& profile, ImapServer const& server,
              imap::ChannelEvents& events);
  ~ImapChannel() override;
  ImapChannel(ImapChannel const&) = delete;
  ImapChannel& operator=(ImapChannel const&) = delete;

  void wake();
  void begin_tls();
  [[nodiscard]] bool has_unread() const;
  void hand_over(imap::ChannelEvents& events);
  void close();
  void flush(TimePoint now);
  [[nodiscard]] bool is_closed() const { return events_ == nullptr; }

 private:
  enum class Phase : std::uint8_t { Resolving, Connecting, Handshake, Open };

  void on_socket(short what, TimePoint now) override;
  void on_timer(TimePoint now) override;
  void on_addresses(route::AddressAnswer answer) override;
  void ask_for_addresses();
  void ask(IpAddress::Family family);
  void connect_next(TimePoint now);
  bool connect_to(IpAddress const& address);
  void end_without_socket(int error, TimePoint now);
  void connected(TimePoint now);
  void start_handshake();
  void shake_hands(TimePoint now);
  void drop_socket();
  void read(TimePoint now);
  bool read_some(TimePoint now);
  void write(TimePoint now);
  /// Octets that were sent; nothing where the socket takes none now or has failed.
  std::optional<std::size_t> send_some(std::string_view octets, TimePoint now);
  void end(std::string_view how, bool is_lost, TimePoint now);
  [[nodiscard]] TimePoint deadline() const;

  ImapChannels& channels_;
  imap::ChannelEvents* events_;
  ImapSettings const* profile_ = nullptr;  ///< of a server's; outlives the connection
  ImapServer server_;
  std::unique_ptr<route::Question> question_;
  std::vector<IpAddress> addresses_;  ///< to be tried, the last one first
  bool is_asked_twice_ = false;
  SocketEvents socket_;
  Phase phase_ = Phase::Open;
  std::unique_ptr<SSL, SslDeleter> ssl_;
  std::optional<TlsResumption> resumption_;  ///< goes before ssl_
  TimePoint attempt_until_ = never;
  std::string peer_;
  std::string failure_;  ///< to be told at the end of the turn
  bool has_ended_ = false;
  bool is_dirty_ = false;
};

/// All of them: who has something to do, and who is to be destroyed.
class ImapChannels final : public imap::Dialer {
 public:
  ImapChannels(Loop& loop, route::Resolver& resolver) : loop_(loop), resolver_(resolver) {}
  ~ImapChannels() override;

  std::unique_ptr<imap::Channel> dial(ImapSettings const& profile, ImapServer const& server,
                                      imap::ChannelEvents& events) override;
  std::unique_ptr<imap::Channel> accept(int fd, imap::ChannelEvents& events);

  [[nodiscard]] bool has_work() const { return !dirty_.empty(); }
  void flush(TimePoint now);
  void sweep();
  [[nodiscard]] std::size_t open() const { return channels_.size(); }

  [[nodiscard]] Loop& loop() { return loop_; }
  [[nodiscard]] route::Resolver& resolver() { return resolver_; }
  [[nodiscard]] ImapTlsContexts& tls() { return tls_; }
  /// A socket could not be made, in words.
  void note_shortage(std::string why) { shortage_ = std::move(why); }
  /// What was noted since it was last asked, "" for nothing.
  [[nodiscard]] std::string take_shortage() { return std::exchange(shortage_, {}); }
  void is_dirty(ImapChannel& channel);
  void bury(ImapChannel& channel) { buried_.push_back(&channel); }
  std::array<char, 65536> buffer{};

 private:
  std::unique_ptr<imap::Channel> keep(std::unique_ptr<ImapChannel> channel);
  Loop& loop_;
  route::Resolver& resolver_;
  ImapTlsContexts tls_;
  std::vector<ImapChannel*> dirty_;
  std::vector<ImapChannel*> buried_;
  std::unordered_map<ImapChannel*, std::unique_ptr<ImapChannel>> channels_;
  std::string shortage_;
};

}  // namespace mailpool::manager
