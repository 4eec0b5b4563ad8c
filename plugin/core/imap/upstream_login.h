#pragma once
// From a server's greeting to a logged-in connection (RFC 3501 6.1 and 6.2): TLS where it is asked
// for, the best login that the server offers, the capabilities after it, and ID once.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/redaction.h"
#include "core/config/imap_settings.h"
#include "core/imap/capabilities.h"
#include "core/imap/entropy.h"
#include "core/imap/login_request.h"
#include "core/imap/outbox.h"
#include "core/sasl/exchange.h"
#include "core/wire/imap_scanner.h"

namespace mailpool::imap {

class UpstreamLogin {
 public:
  enum class State : std::uint8_t {
    Talking,
    WantsTls,  ///< tls_established() is awaited
    Done,
    Refused,     ///< the server said no to user and secret: refusal()
    Unclear,     ///< it said no, and not to what: refusal()
    PutOff,      ///< it said no for now, whatever the secret is: refusal()
    NotOffered,  ///< it has no login for a secret of this kind: refusal()
    Failed,      ///< it could not be tried: why()
  };

  /// `host` and `port` are said in mechanisms that want them.
  UpstreamLogin(Outbox& out, Entropy& entropy, LoginRequest request, ImapTls tls, std::string host,
                std::uint16_t port);

  /// Takes what it can of the server's octets and says how many.
  std::size_t receive(std::string_view input);
  /// A new conversation in TLS begins; what was heard before is forgotten (RFC 9051 6.2.1).
  void tls_established();
  /// Instead of a greeting: the connection is another user's, and has to forget that first (RFC
  /// 8437).
  void unauthenticate();
  [[nodiscard]] bool is_unauthenticating() const { return step_ == Step::Unauthenticate; }
  [[nodiscard]] bool has_refused_to_unauthenticate() const { return refuses_unauthenticate_; }
  /// Nothing is open, so that the server may be left politely although it refused.
  [[nodiscard]] bool may_say_logout() const {
    return state_ == State::Refused || state_ == State::Unclear || state_ == State::PutOff ||
           state_ == State::NotOffered || refuses_unauthenticate_;
  }
  void say_logout();

  [[nodiscard]] State state() const { return state_; }
  /// The server's own text: "[AUTHENTICATIONFAILED] Authentication failed."
  [[nodiscard]] std::string const& refusal() const { return refusal_; }
  [[nodiscard]] std::string const& why() const { return why_; }
  /// The login itself was said: what the server does from then on is about this user.
  [[nodiscard]] bool is_said() const { return step_ >= Step::Authenticate; }
  /// It said BYE instead of a greeting, for too many connections or the like.
  [[nodiscard]] bool is_full() const { return is_full_; }
  /// What it offers before a login; none where it did not come to that.
  [[nodiscard]] std::optional<Capabilities> const& before_login() const { return before_login_; }
  /// After Done; nothing of the conversation is open then.
  [[nodiscard]] Capabilities const& capabilities() const { return capabilities_; }
  /// What it waits for, in words.
  [[nodiscard]] std::string_view doing() const;

 private:
  enum class Step : std::uint8_t {
    Greeting,
    Unauthenticate,
    StartTls,
    Capability,
    Authenticate,
    CapabilityAfter,
    Id,
  };
  enum class Way : std::uint8_t { None, Plain, SaslLogin, Exchange, External, LoginCommand };

  void hear(std::string_view line);
  void hear_greeting(std::string_view line);
  void note_capabilities(std::string_view line);
  void hear_continuation(std::string_view text);
  void hear_tagged(std::string_view status, std::string_view text);
  void after_greeting();
  void log_in();
  [[nodiscard]] Way best_way();
  void begin(Way way);
  void answer_challenge(std::string_view challenge);
  void logged_in();
  void ask(Step step, std::string_view command);
  void send_secret(std::string_view line);
  void send_login_argument(std::string_view argument, bool is_last);
  void forget_secrets();
  void hear_refusal(std::string_view status, std::string_view text);
  void fail(std::string_view why);

  Outbox& out_;
  Entropy& entropy_;
  LoginRequest request_;
  ImapTls tls_;
  std::string host_;
  std::uint16_t port_;
  bool is_in_tls_;
  State state_ = State::Talking;
  Step step_ = Step::Greeting;
  wire::ImapResponseScanner scanner_;
  Capabilities capabilities_;
  std::optional<Capabilities> before_login_;
  bool has_capabilities_ = false;  ///< of this step of the connection; none that is empty
  std::string tag_;
  Way way_ = Way::None;
  std::unique_ptr<sasl::Exchange> exchange_;
  std::vector<std::string> pending_;  ///< what each further "+" asks for; wiped
  std::size_t heard_ = 0;             ///< octets, against a server that never comes to the point
  unsigned challenges_ = 0;
  Redaction redaction_;          ///< of what the server was told, in what it says
  bool is_turned_over_ = false;  ///< began with unauthenticate()
  bool begins_anew_ = false;     ///< nothing that was said so far counts any more
  bool refuses_unauthenticate_ = false;
  bool is_full_ = false;
  std::string refusal_;
  std::string why_;
};

}  // namespace mailpool::imap
