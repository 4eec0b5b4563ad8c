// What each LMTP command does.

#include <fmt/format.h>

#include <utility>

#include "core/base/text.h"
#include "core/lmtp/conversation.h"
#include "core/lmtp/parameters.h"
#include "core/message/address.h"

namespace mailpool::lmtp {

void Server::Conversation::run(std::string_view line) {
  if (!line.ends_with('\r'))
    return say_mistake(500, {5, 5, 2}, "a line ends with CR and LF (RFC 5321 2.3.8)");
  line.remove_suffix(1);
  if (line.find('\0') != line.npos || line.find('\r') != line.npos)
    return say_mistake(500, {5, 5, 2}, "a command holds no NUL and no CR");
  run(wire::parse_command(line));
}

void Server::Conversation::run(wire::Command const& command) {
  using wire::Verb;
  switch (command.verb) {
    case Verb::Lhlo:
      return lhlo(command.argument);
    case Verb::Xforward:
      return xforward(command.argument);
    case Verb::Mail:
      return mail(command.argument);
    case Verb::Rcpt:
      return rcpt(command.argument);
    case Verb::Data:
      return data(command.argument);
    case Verb::Rset:
      return rset();
    case Verb::Quit:
      return quit();
    case Verb::Noop:
      return say("250 2.0.0 Ok");
    case Verb::Help:
      return say("214 2.0.0 LMTP (RFC 2033); see mailpoold(8)");
    case Verb::Vrfy:
      return say("252 2.0.0 mailpool delivers mail, it does not know mailboxes");
    case Verb::Helo:
    case Verb::Ehlo:
      return say_mistake(500, {5, 5, 1}, "this is LMTP: say LHLO (RFC 2033)");
    case Verb::Starttls:
      return say_mistake(502, {5, 5, 1}, "no STARTTLS on a local socket");
    case Verb::Auth:
      return say_mistake(502, {5, 5, 1}, "no AUTH: allow_users decides who may connect");
    case Verb::Bdat:
    case Verb::Expn:
      return say_mistake(502, {5, 5, 1}, fmt::format("{} is not offered", name_of(command.verb)));
    case Verb::Unknown:
      break;
  }
  say_mistake(500, {5, 5, 2}, "not a command");
}

void Server::Conversation::lhlo(std::string_view argument) {
  if (argument.empty()) return say_mistake(501, {5, 5, 4}, "LHLO HOSTNAME is expected");
  end_transaction();
  say(fmt::format("250-{}", settings_.hostname));
  say("250-PIPELINING");
  say("250-ENHANCEDSTATUSCODES");
  say(fmt::format("250-SIZE {}", settings_.max_message_size));
  say("250-8BITMIME");
  say("250-SMTPUTF8");
  say("250-REQUIRETLS");
  if (settings_.announces_dsn) say("250-DSN");
  say("250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE");
}

std::string Server::Conversation::error_if_unready() const {
  if (state_ == State::Greeted) return "LHLO comes first";
  if (state_ == State::Mail) return "a transaction is open: end it with DATA or RSET";
  return {};
}

void Server::Conversation::xforward(std::string_view argument) {
  if (auto const error = error_if_unready(); !error.empty())
    return say_mistake(503, {5, 5, 1}, error);
  auto const attributes = wire::parse_parameters(argument);
  if (!attributes) return say_mistake(501, {5, 5, 4}, attributes.error().reason);
  if (attributes->empty()) return say_mistake(501, {5, 5, 4}, "XFORWARD NAME=VALUE is expected");
  if (auto const refusal = read_xforward(*attributes, ident_)) return say(*refusal);
  say("250 2.0.0 Ok");
}

void Server::Conversation::mail(std::string_view argument) {
  if (auto const error = error_if_unready(); !error.empty())
    return say_mistake(503, {5, 5, 1}, error);
  auto const path = wire::parse_path(argument, "FROM:");
  if (!path) return say_mistake(501, {5, 5, 4}, path.error().reason);
  MailParameters parameters;
  if (auto const refusal = read_mail_parameters(path->parameters, settings_.max_message_size,
                                                settings_.announces_dsn, parameters))
    return say(*refusal);
  utf8_replies_ = parameters.smtputf8;
  envelope_.smtputf8 = parameters.smtputf8;
  envelope_.eight_bit = parameters.eight_bit;
  envelope_.require_tls = parameters.require_tls;
  envelope_.dsn_return = std::move(parameters.dsn_return);
  envelope_.dsn_id = std::move(parameters.dsn_id);
  envelope_.success_is_promised = settings_.success_is_promised;
  auto sender = path->mailbox.empty() ? Result<std::string>() : mailbox_on_wire(path->mailbox);
  if (auto const refusal = fault_of_sender(path->mailbox, sender)) return say(*refusal);
  envelope_.sender = std::move(*sender);
  envelope_.queue_id = ident_;
  envelope_.client = settings_.client;
  announced_size_ = parameters.size;
  state_ = State::Mail;
  say("250 2.1.0 Ok");
}

std::optional<Outcome> Server::Conversation::fault_of_sender(
    std::string_view mailbox, Result<std::string> const& on_wire) const {
  if (!is_ascii(mailbox) && !envelope_.smtputf8)
    return Outcome::local(550, {5, 6, 7}, "an internationalised sender needs SMTPUTF8 (RFC 6531)");
  if (on_wire) return std::nullopt;
  return Outcome::local(553, {5, 1, 7},
                        fmt::format("<{}>: {}", printable(mailbox, 200), on_wire.error().reason));
}

void Server::Conversation::rcpt(std::string_view argument) {
  if (state_ != State::Mail) return say_mistake(503, {5, 5, 1}, "MAIL comes first");
  auto const path = wire::parse_path(argument, "TO:");
  if (!path) return say_mistake(501, {5, 5, 4}, path.error().reason);
  RcptParameters parameters;
  if (auto const refusal =
          read_rcpt_parameters(path->parameters, settings_.announces_dsn, parameters))
    return say(*refusal);
  auto address = mailbox_on_wire(path->mailbox);
  if (auto const refusal = fault_of_recipient(path->mailbox, address)) return say(*refusal);
  if (envelope_.recipients.size() >= settings_.max_recipients)
    return say(Outcome::local(
        452, {4, 5, 3},
        fmt::format("{} recipients are enough for one transaction", settings_.max_recipients)));
  auto domain = domain_of(*address);
  if (!domain) return say(Outcome::local(553, {5, 1, 3}, domain.error().reason));
  envelope_.recipients.push_back({std::move(*address), std::move(*domain),
                                  std::move(parameters.notify), std::move(parameters.original)});
  say("250 2.1.5 Ok");
}

std::optional<Outcome> Server::Conversation::fault_of_recipient(
    std::string_view mailbox, Result<std::string> const& on_wire) const {
  if (!is_ascii(mailbox) && !envelope_.smtputf8)
    return Outcome::local(553, {5, 6, 7},
                          "an internationalised recipient needs SMTPUTF8 (RFC 6531)");
  if (on_wire) return std::nullopt;
  return Outcome::local(553, {5, 1, 3},
                        fmt::format("<{}>: {}", printable(mailbox, 200), on_wire.error().reason));
}

void Server::Conversation::data(std::string_view argument) {
  if (state_ != State::Mail) return say_mistake(503, {5, 5, 1}, "MAIL comes first");
  if (!argument.empty()) return say_mistake(501, {5, 5, 4}, "DATA takes no argument");
  if (envelope_.recipients.empty())
    return say(Outcome::local(503, {5, 5, 1}, "no recipient was accepted"));
  state_ = State::Content;
  writer_.emplace(envelope_, events_, bodies_, settings_, announced_size_);
  say("354 End data with <CR><LF>.<CR><LF>");
}

void Server::Conversation::rset() {
  if (state_ == State::Mail) end_transaction();
  ident_.clear();
  say("250 2.0.0 Ok");
}

void Server::Conversation::quit() {
  say("221 2.0.0 Bye");
  close("QUIT");
}

}  // namespace mailpool::lmtp
