// From the greeting to Ready: EHLO, HELO, STARTTLS; for AUTH see login.cc.
#include <fmt/format.h>

#include <utility>

#include "core/base/text.h"
#include "core/smtp/conversation.h"

namespace mailpool::smtp {
namespace {

constexpr std::size_t longest_server_name = 255;

// What an outcome names as the command that was replied to.
std::string_view command_of(State state) {
  switch (state) {
    case State::Greeting:
      return "connect";
    case State::Ehlo:
      return "EHLO";
    case State::Helo:
      return "HELO";
    case State::StartTls:
    case State::TlsHandshake:
      return "STARTTLS";
    default:
      return "AUTH";
  }
}

}  // namespace

void Session::Conversation::on_setup_reply(Command command, TimePoint now) {
  switch (command) {
    case Command::Greeting:
      if (!last_.is(2)) return refuse_setup();
      return say_ehlo(now);
    case Command::Ehlo:
      if (last_.is(2)) return on_ehlo(now);
      if (!last_.is(5)) return refuse_setup();
      enter(State::Helo);
      return ask({Command::Helo}, {"HELO ", settings_.ehlo_name}, now);
    case Command::Helo:
      if (!last_.is(2)) return refuse_setup();
      capabilities_ = {};
      return finish_setup(now);
    case Command::Auth:
      return on_auth(now);
    default:
      return on_starttls(now);
  }
}

void Session::Conversation::say_ehlo(TimePoint now) {
  if (settings_.ehlo_name.empty() ||
      !wire::append_command(commands_.text(), {"EHLO ", settings_.ehlo_name}))
    return fail_setup(Outcome::local(
        451, {4, 3, 5},
        fmt::format("hostname = \"{}\" cannot be said in EHLO", settings_.ehlo_name)));
  enter(State::Ehlo);
  owe({Command::Ehlo}, now);
}

void Session::Conversation::on_ehlo(TimePoint now) {
  capabilities_ = {};
  capabilities_.esmtp = true;
  std::string_view lines = last_.lines;
  server_name_ = printable(lines.substr(0, lines.find_first_of(" \n")), longest_server_name);
  for (auto end = lines.find('\n'); end != std::string_view::npos; end = lines.find('\n')) {
    lines.remove_prefix(end + 1);
    capabilities_.learn(lines.substr(0, lines.find('\n')));
  }
  bool const wants_tls = settings_.tls == TlsMode::Encrypt ||
                         (settings_.tls == TlsMode::May && !settings_.skip_starttls);
  if (is_encrypted_ || !wants_tls || !capabilities_.starttls) return finish_setup(now);
  enter(State::StartTls);
  ask({Command::StartTls}, {"STARTTLS"}, now);
}

void Session::Conversation::on_starttls(TimePoint now) {
  if (last_.code == 220) {
    // What came behind the 220 was sent by somebody without the key, to be taken for what the
    // server says under TLS (CVE-2011-0411, CVE-2021-38371).
    if (has_more_input_) {
      tls_trouble_ = TlsTrouble::Refused;
      auto text =
          fmt::format("{} sent more than the reply to STARTTLS before TLS", settings_.relay);
      return fail_setup(Outcome::local(451, {4, 7, 5}, std::move(text)), false, true);
    }
    enter(State::TlsHandshake);
    waiting_since_ = now;
    events_.emplace_back(BeginTls{});
    return;
  }
  // The service ends, whatever was asked of it: that says nothing of TLS.
  if (last_.code == 421) return refuse_setup();
  auto text =
      fmt::format("{} announced STARTTLS and refused it: {}", settings_.relay, last_reply());
  tls_trouble_ = TlsTrouble::Refused;
  bool const is_refusal = last_.code >= 400;
  lacks_tls_ = last_.is(5);
  fail_setup(Outcome::local(451, {4, 7, 5}, std::move(text)), is_refusal && may_try_plain(),
             !is_refusal, is_refusal);
}

void Session::Conversation::tls_established(TimePoint now) {
  if (state_ != State::TlsHandshake) return;
  is_encrypted_ = true;
  if (settings_.implicit_tls) {
    enter(State::Greeting);
    waiting_since_ = now;
    return;
  }
  // RFC 3207 4.2: what was learnt without TLS is forgotten.
  parser_ = {};
  capabilities_ = {};
  say_ehlo(now);
}

void Session::Conversation::tls_failed(std::string_view why) {
  if (state_ != State::TlsHandshake) return;
  lacks_tls_ = true;
  tls_trouble_ = TlsTrouble::Handshake;
  auto text = fmt::format("TLS handshake with {} failed: {}", settings_.relay, why);
  fail_setup(Outcome::local(451, {4, 7, 5}, std::move(text)), may_try_plain());
}

// What the operator demands of the connection; then the login, which counts on it.
void Session::Conversation::finish_setup(TimePoint now) {
  if (settings_.tls == TlsMode::Encrypt && !is_encrypted_) {
    auto text = fmt::format("TLS is required ({}), but was not offered by {}",
                            settings_.tls_because, settings_.relay);
    tls_trouble_ = TlsTrouble::NotOffered;
    lacks_tls_ = true;
    return fail_setup(Outcome::local(451, {4, 7, 5}, std::move(text)));
  }
  if (login_) return begin_login(now);
  become_ready();
}

void Session::Conversation::become_ready() {
  enter(State::Idle);
  events_.emplace_back(Ready{});
}

bool Session::Conversation::may_try_plain() const {
  bool const may_be_plain = !settings_.implicit_tls && (!login_ || login_->allow_plaintext);
  return settings_.tls == TlsMode::May && may_be_plain && is_shaking_hands();
}

// A 5xx in a greeting speaks of the host, not of the mail: it never bounces any (Postfix:
// smtp_skip_5xx_greeting).
void Session::Conversation::refuse_setup() {
  if (last_.is(4) || last_.is(5))
    return fail_setup(as_deferred(Outcome::remote(last_.code, last_.enhanced, last_.text(),
                                                  settings_.relay, command_of(state_))),
                      false, false, true);
  fail_setup(failure_of(settings_.relay, Nonsense, sentence_of(state_), last_reply()), false, true);
}

void Session::Conversation::fail_setup(Outcome outcome, bool try_plain, bool is_protocol_error,
                                       bool is_refused) {
  Closed closed;
  if (is_refused) closed.remark = remark(state_ == State::Greeting ? Step::Connect : Step::Ehlo);
  closed.reason = outcome.text;
  closed.setup_failure = std::move(outcome);
  closed.try_plain = try_plain;
  closed.tls_trouble = tls_trouble_;
  closed.lacks_tls = lacks_tls_;
  closed.protocol_error = is_protocol_error;
  enter(State::Closed);
  events_.emplace_back(std::move(closed));
}

}  // namespace mailpool::smtp
