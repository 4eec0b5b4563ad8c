#pragma once
// The LMTP server's conversation with the MTA (RFC 2033), without I/O.
//
// LHLO always succeeds and trouble is told per recipient only: an MTA takes a failed greeting for a
// dead destination. Extensions: PIPELINING, ENHANCEDSTATUSCODES, 8BITMIME, SMTPUTF8, SIZE,
// XFORWARD, and DSN where the owner says so: an MTA that is told of it leaves NOTIFY=SUCCESS to us
// and to those behind. A parameter that is not announced is refused with 555.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/message/message.h"
#include "core/message/outcome.h"

namespace mailpool::lmtp {

struct ServerSettings {
  std::string hostname;
  std::uint64_t max_message_size = 0;
  std::string campaign_header;          ///< beside X-Mailpool-Campaign
  std::uint32_t max_recipients = 1000;  ///< per message; beyond it 452 4.5.3
  Duration idle_timeout{};  ///< longest silence of the client between commands, and inside a body
  std::string client;       ///< "postfix[1234]", from the socket's peer credentials
  bool announces_dsn = false;        ///< RFC 3461
  bool success_is_promised = false;  ///< what Envelope says of messages from here
};

/// What the server asks of its owner.
class ServerEvents {
 public:
  virtual ~ServerEvents() = default;
  /// The message is complete. The owner calls Server::reply() once for each recipient, in any
  /// order, and the server writes them in RCPT order, each as soon as it and its predecessors are
  /// known. May call back before this returns.
  virtual void on_message(Message&& message) = 0;
  /// The trace header field (RFC 5321 4.4) for the body, with CRLF; empty for none.
  virtual std::string received_line(Envelope const& envelope) = 0;
  /// An id for a message whose MTA told none.
  virtual std::string make_id() = 0;
};

class Server {
 public:
  /// References must outlive the server.
  Server(ServerSettings settings, ServerEvents& events, BodyStore& bodies, TimePoint now);
  ~Server();
  Server(Server const&) = delete;
  Server& operator=(Server const&) = delete;

  void receive(std::string_view octets, TimePoint now);
  /// The outcome of recipient `index` (of Envelope::recipients) of the message in flight. Each has
  /// one. This and written() may call on_message(): a hasty client may have sent the next message
  /// already.
  void reply(std::size_t index, Outcome const& outcome, TimePoint now);
  void expire(TimePoint now);

  [[nodiscard]] std::string_view output() const;
  void written(std::size_t n);
  /// False: stop reading until replies have gone out (the client pipelines too far ahead) or the
  /// body's storage has caught up (BodyStorage::wants_more).
  [[nodiscard]] bool wants_input() const;
  /// After QUIT, a fatal error or a timeout: close as soon as output() is empty.
  [[nodiscard]] bool is_over() const;
  /// A message was handed to on_message() and some recipient has no reply yet.
  [[nodiscard]] bool is_delivering() const;
  /// The client has no transaction open: closing now loses nothing (drain).
  [[nodiscard]] bool is_idle() const;
  [[nodiscard]] TimePoint deadline() const;
  /// Why it is over, in words for the log: "QUIT", "idle_timeout", "too many mistakes".
  [[nodiscard]] std::string_view close_reason() const;

 private:
  class Conversation;
  std::unique_ptr<Conversation> conversation_;
};

}  // namespace mailpool::lmtp
