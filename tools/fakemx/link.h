#pragma once
// One accepted connection: bytes in, bytes out, each half a round trip late, in plain text or under
// TLS.
//
// What arrives at t reaches the owner at t + rtt/2, and what the owner says then leaves at t + rtt.
// The delay sits below TLS, so that every flight costs the same. With no round-trip time nothing is
// queued and nothing is copied.

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "fakemx/tls.h"
#include "net/handles.h"

namespace mailpool::fakemx {

/// How the server ends its side.
enum class Ending : std::uint8_t {
  Fin,        ///< FIN, then what still comes in is read and thrown away for a while, so that no RST
              ///< overtakes the last reply
  Reset,      ///< RST
  HalfClose,  ///< FIN, but the conversation goes on in the other direction
};

class Link {
 public:
  /// Nothing here may delete the link; after on_closed() the owner does so once the event loop is
  /// back in charge.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_start() = 0;  ///< connected, as the client's clock would have it
    virtual void on_bytes(std::string_view plain, TimePoint arrived) = 0;
    virtual void
    on_early_bytes() = 0;  ///< something arrived while silence was due; at most once per silence
    virtual void on_handshake(bool ok, bool resumed) = 0;
    virtual void
    on_peer_end() = 0;  ///< the client's FIN, RST or close_notify, behind all its bytes
    /// The connection no longer counts as open: the client has ended it, or the server's FIN or RST
    /// has left.
    virtual void on_over(TimePoint when) = 0;
    virtual void on_closed() = 0;
  };

  /// `scratch` is shared by all links of a loop.
  Link(event_base* base, net::Fd fd, Owner& owner, std::span<char> scratch, Duration rtt);

  void start();
  /// Said at the next flush(), or together with more.
  void say(std::string_view plain);
  void flush();
  /// Behind all that was said. Nothing said later is sent.
  /// After a FIN the client gets `linger` to end its side.
  void end(Ending how, Duration linger = std::chrono::seconds(2));
  /// close() at once, whatever is queued.
  void abandon();

  void pause_reading(bool pause);
  /// Notices the client's end although nothing is read, within half a second.
  void watch_for_end();
  /// Asks the kernel whether the client has ended its side, though what came before that is not
  /// read yet.
  void look_for_end();
  /// Whether bytes have arrived that the owner has not got yet. Not known, thus false, under TLS:
  /// they may be no words at all.
  [[nodiscard]] bool has_arrivals() const;
  [[nodiscard]] std::size_t unsent() const;

  /// From now on arriving bytes are early, until what is said by the time of end_silence() has
  /// left.
  void begin_silence();
  void end_silence();

  /// The next bytes that come in are a ClientHello.
  void start_tls(SSL_CTX* context);
  [[nodiscard]] bool is_tls() const { return ssl_ != nullptr; }
  /// Bytes that came in before start_tls() and belong to the handshake.
  void feed_tls(std::string_view raw, TimePoint arrived);
  void say_raw(std::string_view bytes);  ///< past TLS
  void fatal_alert();                    ///< an encrypted one, bad_record_mac
  void close_notify();
  void new_ticket();
  void key_update();
  void renegotiate();

 private:
  enum class Arrival : std::uint8_t { Start, Bytes, End };
  struct In {
    TimePoint due;
    TimePoint arrived;
    Arrival kind;
    std::string bytes;
    bool early = false;
  };
  struct Out {
    TimePoint due;
    std::string bytes;
    bool ends = false;
    Ending ending = Ending::Fin;
  };

  static void on_readable(evutil_socket_t, short, void* self);
  static void on_writable(evutil_socket_t, short, void* self);
  static void on_timer(evutil_socket_t, short, void* self);
  static void on_watch(evutil_socket_t, short, void* self);

  void read();
  void arrived(Arrival kind, std::string_view bytes);
  void deliver(Arrival kind, std::string_view bytes, TimePoint arrived, bool early);
  void tls_bytes(std::string_view raw, TimePoint arrived, bool early);
  bool handshake();
  void read_tls(TimePoint arrived, bool early);
  void collect_tls();
  void run_due();
  /// When what is said now has to leave.
  [[nodiscard]] TimePoint out_due() const;
  void arm_timer();
  void write();
  void finish_writing();
  void apply(Ending how);
  void note_over();

  event_base* base_;
  net::Fd fd_;
  Owner& owner_;
  std::span<char> scratch_;
  Duration half_rtt_;
  net::Event readable_;
  net::Event writable_;
  net::Event timer_;
  net::Event watch_;

  std::deque<In> in_;
  TimePoint handling_ =
      never;              ///< when what is being handled was due: a late timer must not add up
  std::string said_;      ///< plain text, not yet flushed
  std::string unsent_;    ///< on the wire's side, due
  std::size_t sent_ = 0;  ///< of unsent_
  std::deque<Out> out_;   ///< on the wire's side, not yet due
  bool ending_ = false;   ///< unsent_ is the last
  Ending how_ = Ending::Fin;
  Duration linger_{};
  TimePoint linger_until_ = never;

  enum class Silence : std::uint8_t { None, Due, UntilSent };
  Silence silence_ = Silence::None;
  std::uint64_t said_total_ = 0;  ///< octets handed to the wire's side
  std::uint64_t sent_total_ = 0;
  std::uint64_t silence_mark_ = 0;

  Ssl ssl_;
  bool handshaken_ = false;
  bool told_end_ = false;
  bool write_closed_ = false;
  bool over_ = false;  ///< no longer counted as open
  bool eof_ = false;   ///< the client's end was read
  bool closed_ = false;
};

}  // namespace mailpool::fakemx
