#include "core/imap/client_login.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "core/base/base64.h"
#include "core/base/text.h"
#include "core/imap/commands.h"
#include "core/imap/sasl_reader.h"

namespace mailpool::imap {

using wire::ImapPiece;

ClientLogin::ClientLogin(Outbox& out, Offer offer, bool is_dynamic)
    : out_(out), offer_(std::move(offer)), is_dynamic_(is_dynamic) {}

ClientLogin::~ClientLogin() {
  wipe(line_);
  for (auto& literal : literals_) wipe(literal);
}

void ClientLogin::say(std::string_view line) {
  out_.add(line);
  out_.add("\r\n");
}

void ClientLogin::answer(std::string_view text) {
  say(tag_ + " " + std::string(text));
}

void ClientLogin::greet() {
  say("* OK [CAPABILITY " + offer_.for_greeting() + (is_dynamic_ ? " XMAILPOOL" : "") +
      "] mailpool is ready");
}

std::size_t ClientLogin::receive(std::string_view input) {
  std::size_t taken = 0;
  while (state_ == State::Talking) {
    auto const rest = input.substr(taken);
    auto const piece = sasl_ == Sasl::None ? scanner_.next(rest) : scanner_.next_plain(rest);
    if (piece.kind == ImapPiece::Kind::Nothing) break;
    if (piece.kind == ImapPiece::Kind::Malformed || piece.kind == ImapPiece::Kind::TooLong) {
      say("* BAD The line is malformed or too long");
      end("The client was not understood");
      break;
    }
    taken += piece.octets;
    if (!take_piece(piece, rest.substr(0, piece.octets))) break;
  }
  return taken;
}

bool ClientLogin::take_piece(ImapPiece const& piece, std::string_view octets) {
  if (sasl_ != Sasl::None) {
    sasl_line(octets.substr(0, octets.size() - 2));
    return state_ == State::Talking;
  }
  if (piece.kind == ImapPiece::Kind::Literal) {
    if (!is_too_large_) literals_.back() += octets;
    return true;
  }
  auto line = octets.substr(0, octets.size() - 2);
  auto const mark = scanner_.literal();
  if (piece.kind == ImapPiece::Kind::First) {
    wipe(line_);
    for (auto& literal : literals_) wipe(literal);
    literals_.clear();
    is_too_large_ = false;
  }
  if (!piece.ends) line.remove_suffix(mark.length);
  line_ += line;
  if (line_.size() > longest_line) is_too_large_ = true;
  if (piece.ends) {
    command_is_complete();
    return state_ == State::Talking;
  }
  is_too_large_ |= mark.octets > longest_literal || literals_.size() >= 8;
  if (is_too_large_ && (mark.octets > longest_literal)) {
    // Nobody logs in with that; to read it all would be a favour to whoever sends it.
    say("* BAD The literal is too large");
    end("The client was not understood");
    return false;
  }
  line_ += '\0';
  literals_.emplace_back();
  if (mark.waits) say("+ Go on");
  return true;
}

std::optional<std::string> ClientLogin::argument(wire::ImapWords& words) {
  if (!words.take_blank()) return std::nullopt;
  if (words.take('\0')) {
    if (next_literal_ >= literals_.size()) return std::nullopt;
    return literals_[next_literal_++];
  }
  return words.astring();
}

void ClientLogin::command_is_complete() {
  next_literal_ = 0;
  auto const blank = line_.find(' ');
  tag_ = line_.substr(0, blank);
  if (!wire::is_tag(tag_)) {
    tag_ = "*";
    return fail("BAD There is no tag");
  }
  if (is_too_large_) return fail("BAD The command is too large");
  wire::ImapWords words(blank == std::string::npos ? std::string_view()
                                                   : std::string_view(line_).substr(blank + 1));
  auto const name = ascii_upper(words.atom());
  if (name == "LOGIN") {
    log_in(words);
  } else if (name == "AUTHENTICATE") {
    authenticate(words);
  } else if (name == "CAPABILITY") {
    say("* CAPABILITY " + offer_.for_greeting() + (is_dynamic_ ? " XMAILPOOL" : ""));
    answer("OK CAPABILITY completed");
  } else if (name == "NOOP") {
    answer("OK NOOP completed");
  } else if (name == "ID") {
    say(R"(* ID ("name" "mailpool")" + (pairs_ ? pairs_() : std::string()) + ")");
    answer("OK ID completed");
  } else if (name == "LOGOUT") {
    say("* BYE Logging out");
    answer("OK LOGOUT completed");
    state_ = State::Over;
  } else if (name == "STARTTLS") {
    answer("BAD TLS is not offered on this socket");
  } else if (name == "XMAILPOOL" && is_dynamic_) {
    choose_server(words);
  } else if (!row_of(name).name.empty()) {
    answer("BAD Log in first");
  } else {
    fail("BAD There is no such command");
  }
}

void ClientLogin::log_in(wire::ImapWords& words) {
  auto user = argument(words);
  auto password = user ? argument(words) : std::nullopt;
  if (!password || !words.is_at_end()) return fail("BAD LOGIN needs a user and a password");
  LoginRequest request;
  request.user = std::move(*user);
  request.secret = Secret::from(std::move(*password));
  ask(std::move(request));
}

void ClientLogin::authenticate(wire::ImapWords& words) {
  if (!words.take_blank()) return fail("BAD AUTHENTICATE needs a mechanism");
  auto const mechanism = ascii_upper(words.atom());
  if (mechanism == "PLAIN")
    sasl_ = Sasl::Plain;
  else if (mechanism == "LOGIN")
    sasl_ = Sasl::LoginUser;
  else if (mechanism == "XOAUTH2")
    sasl_ = Sasl::XOAuth2;
  else if (mechanism == "OAUTHBEARER")
    sasl_ = Sasl::OAuthBearer;
  else
    return fail("NO [CANNOT] This mechanism is not offered");
  request_ = {};
  if (words.take_blank()) {
    // "=" is a response of no octets (RFC 4959 3).
    auto const initial = std::string(words.rest());
    return initial == "=" ? sasl_message("") : sasl_line(initial);
  }
  say(sasl_ == Sasl::LoginUser ? "+ VXNlcm5hbWU6" : "+ ");
}

void ClientLogin::sasl_line(std::string_view line) {
  if (sasl_ == Sasl::Failed) {
    sasl_ = Sasl::None;
    return fail(std::exchange(refusal_, {}));
  }
  if (line == "*") {
    sasl_ = Sasl::None;
    return fail("BAD The login was given up");
  }
  auto message = from_base64(line);
  if (!message || message->size() > longest_literal) {
    sasl_ = Sasl::None;
    return fail("BAD That is not base64");
  }
  sasl_message(*message);
  wipe(*message);
}

void ClientLogin::sasl_message(std::string_view message) {
  switch (sasl_) {
    case Sasl::Plain:
      return ask(read_plain(message));
    case Sasl::XOAuth2:
      return ask(read_xoauth2(message));
    case Sasl::OAuthBearer:
      return ask(read_oauthbearer(message));
    case Sasl::LoginUser:
      request_.user = message;
      sasl_ = Sasl::LoginPassword;
      return say("+ UGFzc3dvcmQ6");
    case Sasl::LoginPassword:
      request_.secret = Secret(message);
      return ask(std::move(request_));
    case Sasl::None:
    case Sasl::Failed:
      break;
  }
}

void ClientLogin::ask(std::optional<LoginRequest> request) {
  bool const was_token = sasl_ == Sasl::XOAuth2 || sasl_ == Sasl::OAuthBearer;
  sasl_ = Sasl::None;
  wipe(line_);
  for (auto& literal : literals_) wipe(literal);
  if (is_dynamic_ && !has_server_) return fail("NO [CANNOT] Name a server with XMAILPOOL first");
  if (!request) return fail("BAD That is not a login of this mechanism");
  if (!is_possible(*request))
    return fail("NO [AUTHENTICATIONFAILED] That cannot be a user and a password");
  request_ = std::move(*request);
  state_ = State::Asking;
  tells_the_long_way_ = was_token;
}

LoginRequest ClientLogin::take_request() {
  assert(state_ == State::Asking && "there is a request while it is being asked");
  return std::move(request_);
}

void ClientLogin::accept(Capabilities const& capabilities) {
  answer("OK [CAPABILITY " + capabilities.for_client() + "] Logged in");
  state_ = State::LoggedIn;
}

void ClientLogin::refuse(std::string_view text) {
  state_ = State::Talking;
  auto const refusal = "NO " + std::string(text);
  if (!tells_the_long_way_) return fail(refusal);
  // A token's failure is a challenge first (RFC 7628 3.2.2), and the client's answer to it is
  // awaited.
  tells_the_long_way_ = false;
  refusal_ = refusal;
  sasl_ = Sasl::Failed;
  say("+ " + to_base64(R"({"status":"invalid_token"})"));
}

void ClientLogin::choose_server(wire::ImapWords& words) {
  auto host = argument(words);
  auto port = host ? argument(words) : std::nullopt;
  auto tls = port ? argument(words) : std::nullopt;
  auto size = tls ? argument(words) : std::nullopt;
  constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();
  auto const port_number = port ? to_number(*port).value_or(none) : none;
  auto const size_number = size ? to_number(*size).value_or(none) : 0;
  bool const is_good =
      tls && words.is_at_end() && port_number >= 1 && port_number <= 65535 && size_number <= 1000;
  if (!is_good) return fail("BAD XMAILPOOL needs a host, a port, a TLS mode, perhaps a pool_size");
  server_ = {std::move(*host), static_cast<std::uint16_t>(port_number), std::move(*tls),
             static_cast<std::uint32_t>(size_number)};
  state_ = State::Choosing;
}

void ClientLogin::choose(Offer offer) {
  has_server_ = true;
  offer_ = std::move(offer);
  state_ = State::Talking;
  answer("OK [CAPABILITY " + offer_.for_greeting() + "] The pool of this server");
}

void ClientLogin::fail(std::string_view text) {
  answer(text);
  if (++failures_ >= most_failures) end("Too many failures");
}

void ClientLogin::end(std::string_view why) {
  say("* BYE " + std::string(why));
  state_ = State::Over;
}

}  // namespace mailpool::imap
