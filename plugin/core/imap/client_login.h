#pragma once
// The conversation with a client until it is logged in (RFC 3501 6.1 and 6.2): the pool is its
// server.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/imap/login_request.h"
#include "core/imap/offer.h"
#include "core/imap/outbox.h"
#include "core/wire/imap_scanner.h"

namespace mailpool::imap {

/// A server that a client of a dynamic profile asks for (XMAILPOOL).
struct ServerRequest {
  std::string host;
  std::uint16_t port = 0;
  std::string tls;              ///< implicit, starttls or none
  std::uint32_t pool_size = 0;  ///< 0: the default
};

class ClientLogin {
 public:
  enum class State : std::uint8_t {
    Talking,
    Asking,    ///< for a login: request() is to be answered by accept() or refuse()
    Choosing,  ///< a server: server_request() is to be answered by choose() or refuse()
    LoggedIn,
    Over,  ///< logged out, or lost by its own fault
  };

  /// `offer`: what the server offers, where it is known already. With `is_dynamic` a
  /// client has to name its server first.
  ClientLogin(Outbox& out, Offer offer, bool is_dynamic = false);
  ~ClientLogin();
  ClientLogin(ClientLogin const&) = delete;
  ClientLogin& operator=(ClientLogin const&) = delete;

  /// What ID tells besides the name: pairs of quoted strings, asked for each time.
  void describe_by(std::function<std::string()> pairs) { pairs_ = std::move(pairs); }

  void greet();
  /// Takes what it can and says how many; what follows a login is left where it is.
  std::size_t receive(std::string_view input);

  [[nodiscard]] State state() const { return state_; }
  /// In Asking, once.
  [[nodiscard]] LoginRequest take_request();
  [[nodiscard]] ServerRequest const& server_request() const { return server_; }
  void choose(Offer offer);
  void accept(Capabilities const& capabilities);
  /// `text` with its code: "[AUTHENTICATIONFAILED] Authentication failed."
  void refuse(std::string_view text);
  /// Says BYE and is over.
  void end(std::string_view why);
  [[nodiscard]] unsigned failures() const { return failures_; }

  static constexpr std::size_t longest_line = 32U << 10U;
  static constexpr std::size_t longest_literal = 16U << 10U;
  static constexpr unsigned most_failures = 5;

 private:
  enum class Sasl : std::uint8_t {
    None,
    Plain,
    LoginUser,
    LoginPassword,
    XOAuth2,
    OAuthBearer,
    Failed
  };

  bool take_piece(wire::ImapPiece const& piece, std::string_view octets);
  void command_is_complete();
  void log_in(wire::ImapWords& words);
  void authenticate(wire::ImapWords& words);
  void choose_server(wire::ImapWords& words);
  void sasl_line(std::string_view line);
  void sasl_message(std::string_view message);
  void ask(std::optional<LoginRequest> request);
  void fail(std::string_view text);
  void say(std::string_view line);
  void answer(std::string_view text);
  /// The next astring: of the line, or a literal that was sent for it.
  std::optional<std::string> argument(wire::ImapWords& words);

  Outbox& out_;
  Offer offer_;
  std::function<std::string()> pairs_;
  bool is_dynamic_;
  bool has_server_ = false;
  State state_ = State::Talking;
  Sasl sasl_ = Sasl::None;
  wire::ImapCommandScanner scanner_{longest_line};
  std::string tag_;
  std::string line_;  ///< the command so far; each literal is its mark and NUL
  std::vector<std::string> literals_;
  std::size_t next_literal_ = 0;
  bool is_too_large_ = false;
  bool tells_the_long_way_ = false;  ///< a token's failure
  LoginRequest request_;
  ServerRequest server_;
  std::string refusal_;  ///< kept while a token's failure is being told the long way
  unsigned failures_ = 0;
};

}  // namespace mailpool::imap
