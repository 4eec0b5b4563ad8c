#pragma once
// What the pool asks of the network: one connection's octets, in and out. The manager implements it
// with sockets, tests with a simulated one.

#include <memory>
#include <string_view>

#include "core/base/time.h"
#include "core/config/imap_settings.h"
#include "core/imap/outbox.h"

namespace mailpool::imap {

/// Who is behind a channel. Calls come from the event loop only, never from inside a Channel's or
/// the Dialer's methods.
class ChannelEvents {
 public:
  virtual ~ChannelEvents() = default;
  /// Connected, and in TLS where it begins with that.
  virtual void on_open(std::string_view peer, TimePoint now) = 0;
  virtual void on_tls(TimePoint now) = 0;
  virtual void on_input(std::string_view octets, TimePoint now) = 0;
  /// No more input will come; with `is_lost` no output can go either. Nothing comes after it.
  virtual void on_end(std::string_view how, bool is_lost, TimePoint now) = 0;
  /// Instead of on_open() and on_end(), of one that was dialled: descriptors or memory are short
  /// here, in words. No server was connected to.
  virtual void on_no_socket(std::string_view why, TimePoint now) { on_end(why, true, now); }
  /// Output has left; there may be room for more.
  virtual void on_written(TimePoint now) = 0;
  /// deadline() has passed.
  virtual void on_deadline(TimePoint now) = 0;

  // What the channel looks at after wake().
  [[nodiscard]] virtual Outbox& outbox() = 0;
  /// Else the channel stops reading, and the other end has to wait.
  [[nodiscard]] virtual bool wants_input() const = 0;
  [[nodiscard]] virtual TimePoint deadline() const = 0;
};

/// A connection on the wire. Destroying it closes it at once.
class Channel {
 public:
  virtual ~Channel() = default;
  /// There may be output, room for input, or another deadline.
  virtual void wake() = 0;
  /// TLS on a connection that began without.
  virtual void begin_tls() = 0;
  /// Whether something has come, or ended, that nobody was told yet.
  [[nodiscard]] virtual bool has_unread() const = 0;
  /// Somebody else is behind it from now on.
  virtual void hand_over(ChannelEvents& events) = 0;
};

class Dialer {
 public:
  virtual ~Dialer() = default;
  /// Looks the server up, connects to its addresses one after the other, and does TLS as the
  /// profile says.
  virtual std::unique_ptr<Channel> dial(ImapSettings const& profile, ImapServer const& server,
                                        ChannelEvents& events) = 0;
};

}  // namespace mailpool::imap
