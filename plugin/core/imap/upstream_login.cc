#include "core/imap/upstream_login.h"

#include <cassert>
#include <utility>

#include "core/base/base64.h"
#include "core/base/text.h"
#include "core/imap/login_answer.h"
#include "core/imap/offer.h"

namespace mailpool::imap {
namespace {

using sasl::Mechanism;
using wire::ImapPiece;

constexpr std::size_t most_octets = 256U << 10U;  // of a whole login
constexpr unsigned most_challenges = 8;

}  // namespace

UpstreamLogin::UpstreamLogin(Outbox& out, Entropy& entropy, LoginRequest request, ImapTls tls,
                             std::string host, std::uint16_t port)
    : out_(out),
      entropy_(entropy),
      request_(std::move(request)),
      tls_(tls),
      host_(std::move(host)),
      port_(port),
      is_in_tls_(tls == ImapTls::Implicit) {}

std::string_view UpstreamLogin::doing() const {
  switch (step_) {
    case Step::Greeting:
      return "waiting for the greeting";
    case Step::Unauthenticate:
      return "waiting for the answer to UNAUTHENTICATE";
    case Step::StartTls:
      return "waiting for TLS";
    case Step::Capability:
    case Step::CapabilityAfter:
      return "waiting for the capabilities";
    case Step::Authenticate:
      return "waiting for the login";
    case Step::Id:
      return "waiting for the answer to ID";
  }
  return "";
}

std::size_t UpstreamLogin::receive(std::string_view input) {
  std::size_t taken = 0;
  while (state_ == State::Talking) {
    auto const rest = input.substr(taken);
    auto const piece = scanner_.next(rest);
    if (piece.kind == ImapPiece::Kind::Nothing) break;
    if (piece.kind == ImapPiece::Kind::Malformed || piece.kind == ImapPiece::Kind::TooLong) {
      fail("the server does not speak IMAP");
      break;
    }
    taken += piece.octets;
    heard_ += piece.octets;
    if (heard_ > most_octets) {
      fail("the server says too much before the login is done");
      break;
    }
    auto const octets = rest.substr(0, piece.octets);
    bool const is_whole = piece.kind == ImapPiece::Kind::First && octets.ends_with("\r\n");
    if (is_whole) hear(octets.substr(0, octets.size() - 2));
    if (std::exchange(begins_anew_, false) && taken != input.size())
      fail("the server said more after UNAUTHENTICATE");
  }
  // Whatever follows "OK" to STARTTLS in plain text was not said by the server (CVE-2021-33515).
  if (state_ == State::WantsTls && taken != input.size())
    fail("the server sent more in plain text after STARTTLS");
  return taken;
}

void UpstreamLogin::hear(std::string_view line) {
  if (step_ == Step::Greeting) return hear_greeting(line);
  if (line.starts_with("* ")) {
    note_capabilities(line);
    wire::ImapWords words(line.substr(2));
    auto const word = words.atom();
    if (ascii_iequal(word, "BYE")) return fail(printable(line.substr(2)));
    if (ascii_iequal(word, "PREAUTH")) return fail("the server said PREAUTH");
    return;
  }
  if (line.starts_with("+")) return hear_continuation(line.substr(line.size() > 1 ? 2 : 1));
  auto const blank = line.find(' ');
  if (blank == std::string_view::npos || line.substr(0, blank) != tag_)
    return fail("the server answered what was not asked");
  auto const rest = line.substr(blank + 1);
  auto const end = rest.find(' ');
  note_capabilities(line);
  hear_tagged(ascii_upper(rest.substr(0, end)),
              end == std::string_view::npos ? std::string_view() : rest.substr(end + 1));
}

void UpstreamLogin::note_capabilities(std::string_view line) {
  CapabilityCode code;
  if (!find_capabilities(line, code)) return;
  capabilities_ = Capabilities(code.words);
  has_capabilities_ = !capabilities_.is_empty();
}

void UpstreamLogin::hear_greeting(std::string_view line) {
  wire::ImapWords words(line.starts_with("* ") ? line.substr(2) : std::string_view());
  auto const word = ascii_upper(words.atom());
  // Who it is already, nobody here has checked (RFC 9051 7.1.4; with STARTTLS it is an attack).
  if (word == "PREAUTH") return fail("the server said PREAUTH: its user is not known");
  if (word == "BYE") {
    is_full_ = read_login_answer(trimmed(words.rest())) == LoginAnswer::NotNow;
    return fail(printable(line.substr(2)));
  }
  if (word != "OK") return fail("the server did not greet");
  note_capabilities(line);
  after_greeting();
}

void UpstreamLogin::after_greeting() {
  if (tls_ == ImapTls::StartTls && !is_in_tls_) return ask(Step::StartTls, "STARTTLS");
  if (!has_capabilities_) return ask(Step::Capability, "CAPABILITY");
  log_in();
}

void UpstreamLogin::tls_established() {
  assert(state_ == State::WantsTls && "TLS begins where it was asked for");
  is_in_tls_ = true;
  state_ = State::Talking;
  scanner_ = {};
  capabilities_ = {};
  has_capabilities_ = false;
  ask(Step::Capability, "CAPABILITY");
}

void UpstreamLogin::unauthenticate() {
  is_turned_over_ = true;
  is_in_tls_ = tls_ != ImapTls::None;
  ask(Step::Unauthenticate, "UNAUTHENTICATE");
}

void UpstreamLogin::say_logout() {
  out_.add(entropy_.tag() + " LOGOUT\r\n");
}

void UpstreamLogin::ask(Step step, std::string_view command) {
  step_ = step;
  tag_ = entropy_.tag();
  out_.add(tag_ + " " + std::string(command) + "\r\n");
}

void UpstreamLogin::hear_tagged(std::string_view status, std::string_view text) {
  bool const is_ok = status == "OK";
  if (!is_ok && status != "NO" && status != "BAD") return fail("the server does not speak IMAP");
  switch (step_) {
    case Step::Greeting:
      return;
    case Step::Unauthenticate:
      refuses_unauthenticate_ = !is_ok;
      if (!is_ok) return fail("UNAUTHENTICATE was refused: " + printable(text));
      // What the server offers may depend on who asks, and nothing of before is believed.
      begins_anew_ = true;
      capabilities_ = {};
      has_capabilities_ = false;
      return ask(Step::Capability, "CAPABILITY");
    case Step::StartTls:
      if (!is_ok) return fail("STARTTLS was refused: " + printable(text));
      state_ = State::WantsTls;
      return;
    case Step::Capability:
      if (!is_ok || !has_capabilities_) return fail("the server does not say what it can");
      return log_in();
    case Step::Authenticate:
      if (is_ok) {
        if (exchange_)
          if (auto const believed = exchange_->accept(); !believed)
            return fail(believed.error().reason);
        return logged_in();
      }
      if (status == "BAD" && is_turned_over_) {
        // "Already authenticated": what it was told says nothing of the secret.
        refuses_unauthenticate_ = true;
        return fail("UNAUTHENTICATE did not end the login before: " + printable(text));
      }
      return hear_refusal(status, text);
    case Step::CapabilityAfter:
      if (!is_ok || !has_capabilities_) return fail("the server does not say what it can");
      break;
    case Step::Id:
      state_ = State::Done;
      return;
  }
  if (!capabilities_.has("ID")) {
    state_ = State::Done;
    return;
  }
  ask(Step::Id, R"(ID ("name" "mailpool"))");
}

void UpstreamLogin::hear_refusal(std::string_view status, std::string_view text) {
  auto const answer = read_login_answer(text);
  refusal_ = printable(redaction_.apply(text));
  forget_secrets();
  switch (answer) {
    case LoginAnswer::NotNow:
      state_ = State::PutOff;
      break;
    case LoginAnswer::WrongSecret:
      if (status == "BAD" && !refusal_.starts_with('['))
        refusal_ = "[AUTHENTICATIONFAILED] " + refusal_;
      state_ = State::Refused;
      break;
    case LoginAnswer::Unclear:
      state_ = State::Unclear;
      break;
  }
}

void UpstreamLogin::forget_secrets() {
  request_.secret.clear();
  exchange_.reset();
  for (auto& line : pending_) wipe(line);
  pending_.clear();
}

void UpstreamLogin::logged_in() {
  forget_secrets();
  if (!has_capabilities_) return ask(Step::CapabilityAfter, "CAPABILITY");
  step_ = Step::CapabilityAfter;
  hear_tagged("OK", "");
}

UpstreamLogin::Way UpstreamLogin::best_way() {
  if (request_.kind == SecretKind::External)
    return capabilities_.has("AUTH=EXTERNAL") ? Way::External : Way::None;
  bool const is_token = request_.kind == SecretKind::Token;
  if (is_token) {
    bool const offers = capabilities_.has("AUTH=OAUTHBEARER") || capabilities_.has("AUTH=XOAUTH2");
    return offers && request_.authzid.empty() ? Way::Exchange : Way::None;
  }
  if (capabilities_.has("AUTH=PLAIN")) return Way::Plain;
  if (!request_.authzid.empty()) return Way::None;
  if (capabilities_.has("AUTH=SCRAM-SHA-256")) return Way::Exchange;
  if (capabilities_.has("AUTH=LOGIN")) return Way::SaslLogin;
  // RFC 9051 6.2.3: the last resort.
  return capabilities_.has("LOGINDISABLED") ? Way::None : Way::LoginCommand;
}

void UpstreamLogin::log_in() {
  before_login_ = capabilities_;
  auto const way = best_way();
  if (way == Way::None) {
    refusal_ = request_.kind == SecretKind::Token
                   ? "[CANNOT] The server offers no login with a token"
               : request_.kind == SecretKind::External
                   ? "[CANNOT] The server offers no login with a certificate (AUTH=EXTERNAL)"
                   : "[CANNOT] The server offers no login that could be used here";
    forget_secrets();
    state_ = State::NotOffered;
    return;
  }
  has_capabilities_ = false;
  begin(way);
}

void UpstreamLogin::begin(Way way) {
  redaction_.add(request_.secret.reveal());
  way_ = way;
  step_ = Step::Authenticate;
  tag_ = entropy_.tag();
  bool const at_once = capabilities_.has("SASL-IR");
  auto with_response = [&](std::string_view mechanism, Secret response) {
    std::string line = tag_ + " AUTHENTICATE " + std::string(mechanism);
    auto encoded = to_base64(response.reveal());
    if (at_once) {
      line += " " + (encoded.empty() ? "=" : encoded);
    } else {
      pending_.push_back(encoded + "\r\n");
    }
    wipe(encoded);
    send_secret(line + "\r\n");
    wipe(line);
  };
  switch (way) {
    case Way::Plain: {
      std::string message = request_.authzid;
      message += '\0';
      message += request_.user;
      message += '\0';
      message += request_.secret.reveal();
      return with_response("PLAIN", Secret::from(std::move(message)));
    }
    case Way::External:
      // Whom to act as (RFC 4422 A.1): the certificate may stand for several.
      return with_response("EXTERNAL", Secret(request_.user));
    case Way::SaslLogin:
      out_.add(tag_ + " AUTHENTICATE LOGIN\r\n");
      pending_.push_back(to_base64(request_.user) + "\r\n");
      pending_.push_back(to_base64(request_.secret.reveal()) + "\r\n");
      return;
    case Way::Exchange: {
      auto const mechanism = request_.kind == SecretKind::Password   ? Mechanism::ScramSha256
                             : capabilities_.has("AUTH=OAUTHBEARER") ? Mechanism::OAuthBearer
                                                                     : Mechanism::XOAuth2;
      exchange_ = sasl::begin(
          mechanism, {request_.user, request_.secret.copy(), host_, port_, entropy_.tag()});
      auto initial = exchange_->initial();
      return with_response(sasl::name_of(mechanism), initial ? std::move(*initial) : Secret());
    }
    case Way::LoginCommand:
      out_.add(tag_ + " LOGIN ");
      send_login_argument(request_.user, false);
      return send_login_argument(request_.secret.reveal(), true);
    case Way::None:
      break;
  }
}

// Quoted where that can be, else as a literal; never as it is.
void UpstreamLogin::send_login_argument(std::string_view argument, bool is_last) {
  auto quoted = wire::as_quoted(argument);
  std::string text = quoted ? *quoted : "{" + std::to_string(argument.size()) + "}\r\n";
  if (quoted) text += is_last ? "\r\n" : " ";
  // What follows a literal's mark waits for the server's "+".
  if (pending_.empty())
    send_secret(text);
  else
    pending_.back() += text;
  if (!quoted) pending_.push_back(std::string(argument) + (is_last ? "\r\n" : " "));
  if (quoted) wipe(*quoted);
  wipe(text);
}

void UpstreamLogin::hear_continuation(std::string_view text) {
  if (step_ != Step::Authenticate || ++challenges_ > most_challenges)
    return fail("the server asked for more than a login takes");
  if (!pending_.empty()) {
    send_secret(pending_.front());
    wipe(pending_.front());
    pending_.erase(pending_.begin());
    return;
  }
  if (way_ != Way::Exchange) return fail("the server asked for more than a login takes");
  answer_challenge(text);
}

void UpstreamLogin::answer_challenge(std::string_view challenge) {
  auto const decoded = from_base64(trimmed(challenge));
  if (!decoded) return fail("the server's challenge is not base64");
  auto const response = exchange_->answer(*decoded);
  if (!response) return fail(response.error().reason);
  auto encoded = to_base64(response->reveal()) + "\r\n";
  send_secret(encoded);
  wipe(encoded);
}

void UpstreamLogin::send_secret(std::string_view line) {
  out_.note_secret();
  out_.add(line);
}

void UpstreamLogin::fail(std::string_view why) {
  why_ = redaction_.apply(why);
  forget_secrets();
  state_ = State::Failed;
}

}  // namespace mailpool::imap
