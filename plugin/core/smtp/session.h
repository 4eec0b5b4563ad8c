#pragma once
// The SMTP client's conversation with one server, from greeting to QUIT (RFC 5321, 2920, 3030,
// 3207, 4954, 6152, 6531, 1870, 9422).
//
// It does no I/O and reads no clock: octets and times go in, octets and events come out. Its owner
// connects, reads and writes, and calls expire() when deadline() has passed. One session is one
// connection: after Closed it is of no use any more.
//
//   Greeting -> Ehlo [-> Helo] [-> StartTls -> TlsHandshake -> Ehlo] [-> Auth] -> Idle
//   Idle -> Envelope -> Data -> Content -> EndOfData -> Idle          (in one flight the states are
//   passed in one go) Idle -> Checking -> Idle                                          (RSET: a
//   probe, or after an aborted transaction) Idle -> Quit -> Closed;  any state -> Closed
//   Idle -> HearingOut -> Closed                      (the server has begun to speak unasked)

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/base/time.h"
#include "core/sasl/authentication.h"
#include "core/smtp/transaction.h"
#include "core/wire/capabilities.h"

namespace mailpool::smtp {

enum class State : std::uint8_t {
  Greeting,      ///< connected, waiting for 220
  Ehlo,          ///< EHLO sent
  Helo,          ///< EHLO refused, HELO sent
  StartTls,      ///< STARTTLS sent
  TlsHandshake,  ///< the owner is shaking hands
  Auth,          ///< logging in
  Idle,          ///< ready for a transaction; nothing is expected from the server
  Checking,      ///< RSET sent, to see whether the connection still lives or after an aborted
                 ///< transaction
  HearingOut,    ///< the server began to speak unasked, and has not ended its reply
  Envelope,      ///< MAIL and RCPT sent (and DATA or BDAT, where pipelined)
  Data,          ///< waiting for 354
  Content,       ///< sending the body
  EndOfData,     ///< the commit point is passed: waiting for the verdict
  Quit,          ///< QUIT sent
  Closed,
};
[[nodiscard]] std::string_view name_of(State state);
/// "waiting for the reply to RCPT TO", for logs and outcomes.
[[nodiscard]] std::string_view sentence_of(State state);

enum class TlsMode : std::uint8_t { None, May, Encrypt };

/// Where TLS failed, if that is why a session never became Ready.
enum class TlsTrouble : std::uint8_t {
  None,
  NotOffered,  ///< no STARTTLS in the reply to EHLO
  Refused,     ///< STARTTLS was announced and then refused
  Handshake,   ///< it failed, before its server was heard under it too, or more than the 220 came
  Silence,     ///< STARTTLS, the handshake, or the first command under TLS went unanswered: the
               ///< network may be at fault as well
};

struct Timeouts {
  Duration greeting, ehlo, starttls, auth, mail, rcpt, data, body, end_of_data, rset, quit;
  bool operator==(Timeouts const&) const = default;
};

/// How the session logs in before its first transaction.
struct Login {
  std::string name;  ///< the operator's, of [login.NAME]
  sasl::Authentication authentication;
  bool allow_plaintext = false;  ///< without TLS too
};

struct SessionSettings {
  std::string relay;  ///< HOST[IP]:PORT, for outcomes and logs
  std::string ehlo_name;
  TlsMode tls = TlsMode::May;
  std::string tls_because = "tls = \"encrypt\"";  ///< for Encrypt: what requires it, in words
  bool implicit_tls = false;  ///< the handshake comes before the greeting (port 465): the owner
                              ///< begins it as soon as it is connected
  bool skip_starttls =
      false;  ///< the fresh plain connection after a failed opportunistic handshake (May only)
  bool pipelining = true;
  bool chunking = true;
  bool refuse_eight_bit =
      false;  ///< eight_bit = "refuse": 554 5.6.3 where the server lacks 8BITMIME
  Duration one_flight_within{};
  std::uint64_t one_flight_up_to = 65536;  ///< octets of body that may follow MAIL and RCPT unasked
  Timeouts timeouts{};
  bool operator==(SessionSettings const&) const = default;
};

/// The session is Idle for the first time.
struct Ready {};
/// Shake hands now, then call tls_established() or tls_failed(). Octets read before that must not
/// go to receive().
struct BeginTls {};
/// The transaction is over. The session is then Idle, Checking, Quit or Closed.
struct Finished {
  TransactionResult result;
};
/// RSET was answered with 2xx: the connection lives and is idle again.
struct Checked {};
/// The server began to speak unasked: the session is of no use any more, and Closed follows as soon
/// as it has said why.
struct Disturbed {};
/// Close the transport.
struct Closed {
  std::string reason;  ///< "idle_timeout", "421 4.4.2 Idle timeout", "the server closed the
                       ///< connection", ...
  /// Where the server or the network kept the session from becoming Ready: what to answer if no
  /// other host takes the message (always 4xx).
  std::optional<Outcome> setup_failure;
  bool try_plain = false;  ///< an opportunistic handshake failed: a fresh connection without
                           ///< STARTTLS to the same host is allowed
  std::optional<Remark>
      remark;  ///< the server's last words, where it refused or ended it with some
  TlsTrouble tls_trouble = TlsTrouble::None;
  /// With tls_trouble: the server was asked and has no TLS for us, as against a connection that
  /// broke and a 4xx.
  bool lacks_tls = false;
  /// Why no socket could be made, which says nothing of the host; "" where one was.
  std::string no_socket = {};
  bool is_lost = false;         ///< EOF or reset between transactions, without a word
  bool login_refused = false;   ///< the login itself, for good: the setup failure says how
  bool protocol_error = false;  ///< garbage, mixed codes, unasked replies: counted as poisoned
};

using Event = std::variant<Ready, BeginTls, Finished, Checked, Disturbed, Closed>;

/// What to write next: at most four pieces, in order. Valid until the next non-const call.
struct Output {
  std::array<std::string_view, 4> pieces{};
  std::size_t count = 0;
  [[nodiscard]] std::size_t size() const;
};

class Session {
 public:
  /// `login`: null for none; it goes, and its secret with it, once it is decided.
  Session(SessionSettings settings, TimePoint now, std::unique_ptr<Login> login = nullptr);
  ~Session();
  Session(Session const&) = delete;
  Session& operator=(Session const&) = delete;

  // In: what the transport saw.
  void receive(std::string_view octets, TimePoint now);
  /// EOF, reset, or a local failure of the transport, in words ("the server closed the connection",
  /// "Connection reset by peer"). What can still be read is given to receive() first: a server may
  /// refuse a body and hang up while it is being written.
  void disconnected(std::string_view how, TimePoint now);
  void tls_established(TimePoint now);
  void tls_failed(std::string_view why, TimePoint now);
  /// The deadline has passed.
  void expire(TimePoint now);

  // In: what the owner wants.
  /// Only when is_idle(). What `transaction` borrows must live until Finished is polled; a Finished
  /// always comes, before any Closed.
  void start(Transaction const& transaction, TimePoint now);
  /// RSET as a probe; only when is_idle().
  void check(TimePoint now);
  /// When idle: QUIT, then Closed{reason}; in any other state Closed{reason} at once.
  void quit(std::string_view reason, TimePoint now);
  /// The message is not wanted any more (its client went away). Before the commit point: Finished
  /// and Closed, the dot is never sent. After it: no effect.
  void cancel(std::string_view reason, TimePoint now);

  // Out.
  [[nodiscard]] std::optional<Event> poll();
  /// The octets to write now; empty while waiting for the server.
  [[nodiscard]] Output output(TimePoint now);
  /// `n` octets of what output() last returned were taken by the kernel.
  void written(std::size_t n, TimePoint now);
  /// All of output() is about to be handed to a layer that cannot tell what left (TLS): the commit
  /// point counts as passed if it is in there.
  void offered();
  [[nodiscard]] TimePoint deadline() const;

  // What it is.
  [[nodiscard]] State state() const;
  [[nodiscard]] bool is_idle() const;  ///< may start(): Idle, nothing expected, no input left over
  [[nodiscard]] bool is_committed() const;  ///< the last octet of the running transaction was sent
  [[nodiscard]] std::uint32_t transactions() const;  ///< started on this connection
  [[nodiscard]] TimePoint last_reply_at() const;
  [[nodiscard]] std::string_view last_reply() const;  ///< printable, "250 2.0.0 OK"
  [[nodiscard]] wire::Capabilities const& capabilities() const;
  /// What the server called itself in its last reply to EHLO, printable; "" before there was one.
  [[nodiscard]] std::string_view server_name() const;
  [[nodiscard]] bool is_encrypted() const;
  [[nodiscard]] bool chunking_is_broken()
      const;  ///< BDAT was refused although CHUNKING was announced

 private:
  class Conversation;
  std::unique_ptr<Conversation> conversation_;
};

}  // namespace mailpool::smtp
