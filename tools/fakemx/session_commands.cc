// Commands: which are legal when, and the server's own answers. RFC 5321, RFC 2033, RFC 2920.
#include <algorithm>

#include "core/base/text.h"
#include "fakemx/session.h"

namespace mailpool::fakemx {

namespace {

constexpr std::size_t most_recipients = 50'000;

/// Must be the last of a group (RFC 2920 3.1, RFC 3207 4).
bool ends_group(Verb verb) {
  switch (verb) {
    case Verb::Mail:
    case Verb::Rcpt:
    case Verb::Rset:
    case Verb::Bdat:
      return false;
    case Verb::Ehlo:
    case Verb::Helo:
    case Verb::Lhlo:
    case Verb::Starttls:
    case Verb::Auth:
    case Verb::Data:
    case Verb::Noop:
    case Verb::Vrfy:
    case Verb::Expn:
    case Verb::Help:
    case Verb::Quit:
    case Verb::Unknown:
      return true;
  }
  return true;
}

}  // namespace

void Session::command(std::string_view line, std::string_view& rest) {
  if (std::exchange(is_in_auth_, false)) return auth_response(line);
  auto const command = parse_command(line);
  // A password does not belong in a transcript.
  service_.journal.trace(id_, 'C',
                         command.verb == Verb::Auth ? std::string_view("AUTH ...") : line);
  ++service_.stats.commands[static_cast<std::size_t>(command.verb)];
  idle_restart_ = true;
  if (command.verb == Verb::Quit) after_quit_ = true;
  expect_silence(command.verb, line, !rest.empty());
  switch (command.verb) {
    case Verb::Ehlo:
    case Verb::Helo:
    case Verb::Lhlo:
      return hello(command.verb, trimmed(command.argument));
    case Verb::Starttls:
      starttls(trimmed(command.argument));
      rest = {};  // what was sent along in plain text must not be taken for TLS, nor for commands
      return;
    case Verb::Auth:
      return auth(trimmed(command.argument));
    case Verb::Mail:
      return mail(command.argument);
    case Verb::Rcpt:
      return rcpt(command.argument);
    case Verb::Data:
      return data(trimmed(command.argument));
    case Verb::Bdat:
      return bdat(trimmed(command.argument));
    case Verb::Rset:
      return consult(Stage::Rset);
    case Verb::Noop:
      return consult(Stage::Noop);
    case Verb::Vrfy:
      return consult(Stage::Vrfy);
    case Verb::Quit:
      rest = {};
      return consult(Stage::Quit);
    case Verb::Help:
      return refuse({214, "2.0.0", "fakemx: see fakemx --help"});
    case Verb::Expn:
      return refuse({502, "5.5.1", "Not implemented"});
    case Verb::Unknown:
      violation(ClientViolation::UnknownCommand, line);
      return refuse({500, "5.5.2", "Unknown command"});
  }
}

void Session::expect_silence(Verb verb, std::string_view line, bool more) {
  if (announced(Extension::Pipelining) && !ends_group(verb)) return;
  silence_for_ = printable(line, 100);
  // The octets of a chunk come right behind BDAT: end_of_chunk() looks there.
  if (verb == Verb::Bdat) return;
  if (more || link_.has_arrivals())
    on_early_bytes();
  else
    link_.begin_silence();
  silence_due_ = true;
}

void Session::mail(std::string_view argument) {
  if (auto const trouble = mail_trouble(argument)) {
    if (!tx_.open) tx_.mail_refused = true;
    refuse(*trouble);
    if (trouble->code == 421) finish(Ending::Fin);
    return;
  }
  consult(Stage::Mail);
}

std::optional<Session::Answer> Session::mail_trouble(std::string_view argument) {
  if (!said_hello_) {
    violation(ClientViolation::BadSequence, "MAIL before a greeting");
    return Answer{503, "5.5.1", "Say hello first"};
  }
  if (tx_.open) {
    violation(tx_.spoiled ? ClientViolation::BdatWithoutReset : ClientViolation::NestedMail,
              argument);
    return Answer{503, "5.5.1", "There is a transaction: say RSET"};
  }
  auto const path = parse_path(argument, "FROM:");
  if (!path) {
    violation(ClientViolation::Syntax, argument);
    return Answer{501, "5.5.4", "MAIL FROM:<address> is what was expected"};
  }
  close_transaction();
  tx_.from = path->address;
  for (auto const& parameter : path->parameters)
    if (auto const trouble = parameter_trouble(parameter)) return trouble;
  if (!tx_.utf8 && !is_ascii(tx_.from)) {
    violation(ClientViolation::UnannouncedUtf8, argument);
    return Answer{553, "5.6.7", "Not without SMTPUTF8"};
  }
  auto const& settings = service_.settings;
  if (settings.max_messages > 0 && completed_ >= settings.max_messages) {
    ++service_.provider.violations.messages_per_connection;
    return Answer{421, "4.7.0", "Too many messages on this connection"};
  }
  if (settings.mail_max > 0 && announced(Extension::Limits) && mails_ >= settings.mail_max) {
    violation(ClientViolation::BeyondLimits, "more messages than MAILMAX");
    return Answer{450, "4.7.0", "More messages than MAILMAX"};
  }
  ++mails_;
  total_ = ++service_.mails;
  if (!service_.provider.admit_message(settings, client_, arrived_))
    return Answer{451, "4.7.1", "Too many messages per time"};
  return {};
}

std::optional<Session::Answer> Session::parameter_trouble(Parameter const& parameter) {
  auto const is = [&](std::string_view name, Extension extension) {
    return ascii_iequal(parameter.keyword, name) && announced(extension);
  };
  if (is("SIZE", Extension::Size)) {
    auto const size = to_number(parameter.value);
    if (!size) return Answer{501, "5.5.4", "SIZE is a number"};
    auto const most = service_.settings.max_size;
    if (most > 0 && *size > most) return Answer{552, "5.3.4", "Message too large"};
    return {};
  }
  if (is("BODY", Extension::EightBitMime)) {
    tx_.eight_bit = ascii_iequal(parameter.value, "8BITMIME");
    if (tx_.eight_bit || ascii_iequal(parameter.value, "7BIT")) return {};
    return Answer{501, "5.5.4", "BODY is 7BIT or 8BITMIME"};
  }
  if (is("SMTPUTF8", Extension::Smtputf8)) {
    tx_.utf8 = true;
    return {};
  }
  if (is("REQUIRETLS", Extension::Requiretls)) return {};
  violation(ClientViolation::UnannouncedParameter, parameter.keyword);
  return Answer{555, "5.5.4", "Parameter not known here"};
}

void Session::rcpt(std::string_view argument) {
  if (!tx_.open || tx_.spoiled || tx_.chunks > 0) {
    if (!tx_.mail_refused) violation(ClientViolation::BadSequence, argument);
    return refuse({503, "5.5.1", tx_.open ? "Too late for RCPT" : "MAIL must come first"});
  }
  auto const path = parse_path(argument, "TO:");
  if (!path || path->address.empty()) {
    violation(ClientViolation::Syntax, argument);
    tx_.rcpt_refused = true;
    return refuse({501, "5.1.3", "RCPT TO:<address> is what was expected"});
  }
  candidate_ = path->address;
  ++tx_.rcpts;
  if (auto const trouble = rcpt_trouble(*path)) {
    tx_.rcpt_refused = true;
    return refuse(*trouble);
  }
  consult(Stage::Rcpt);
}

std::optional<Session::Answer> Session::rcpt_trouble(PathArgument const& path) {
  if (!path.parameters.empty()) {
    violation(ClientViolation::UnannouncedParameter, path.parameters[0].keyword);
    return Answer{555, "5.5.4", "Parameter not known here"};
  }
  if (!tx_.utf8 && !is_ascii(candidate_)) {
    violation(ClientViolation::UnannouncedUtf8, candidate_);
    return Answer{553, "5.6.7", "Not without SMTPUTF8"};
  }
  auto const& settings = service_.settings;
  if (settings.rcpt_max > 0 && announced(Extension::Limits) && tx_.to.size() >= settings.rcpt_max) {
    violation(ClientViolation::BeyondLimits, "more recipients than RCPTMAX");
    return Answer{452, "4.5.3", "More recipients than RCPTMAX"};
  }
  if (tx_.to.size() >= most_recipients) return Answer{452, "4.5.3", "Too many recipients"};
  if (settings.domain_limits.empty()) return {};
  auto const domain = ascii_lower(domain_part(candidate_));
  if (std::find(tx_.domains.begin(), tx_.domains.end(), domain) != tx_.domains.end()) return {};
  switch (service_.provider.enter_domain(settings, domain, arrived_)) {
    case Provider::DomainAnswer::Ok:
      tx_.domains.push_back(domain);
      return {};
    case Provider::DomainAnswer::TooFast:
      return Answer{451, "4.7.1", "Too many messages per time for this domain"};
    case Provider::DomainAnswer::TooMany:
      return Answer{451, "4.7.1", "Too many connections for this domain"};
  }
  return {};
}

void Session::data(std::string_view argument) {
  if (!tx_.open || tx_.spoiled || tx_.chunks > 0) {
    if (tx_.spoiled)
      violation(ClientViolation::BdatWithoutReset, "DATA");
    else if (!tx_.mail_refused)
      violation(ClientViolation::BadSequence, tx_.open ? "DATA behind BDAT" : "DATA before MAIL");
    return refuse({503, "5.5.1", tx_.open ? "Not behind BDAT" : "MAIL must come first"});
  }
  if (!argument.empty()) {
    violation(ClientViolation::Syntax, "DATA with an argument");
    return refuse({501, "5.5.4", "DATA has no argument"});
  }
  consult(Stage::Data);
}

void Session::normal(Stage stage) {
  switch (stage) {
    case Stage::Connect:
      return greet();
    case Stage::Ehlo:
    case Stage::Helo:
    case Stage::Lhlo:
      return answer_hello(stage);
    case Stage::Starttls:
      tell({220, "2.0.0", "Ready to start TLS"});
      return effect(stage, 220, {});
    case Stage::Tls: {
      auto const raw = std::exchange(client_hello_, {});
      mode_ = Mode::Command;
      link_.start_tls(service_.tls.get());
      return link_.feed_tls(raw, arrived_);
    }
    case Stage::Auth: {
      auto const answer = auth_answer();
      tell(answer);
      return effect(stage, answer.code, {});
    }
    case Stage::Mail:
      tell({250, "2.1.0", "Ok"});
      return effect(stage, 250, {});
    case Stage::Rcpt:
      tell({250, "2.1.5", "Ok"});
      return effect(stage, 250, {});
    case Stage::Data:
      if (tx_.to.empty()) {
        if (!tx_.rcpt_refused) violation(ClientViolation::BadSequence, "DATA before RCPT");
        return tell({554, "5.5.1", "No valid recipients"});
      }
      tell({354, "", "End data with <CR><LF>.<CR><LF>"});
      return effect(stage, 354, {});
    case Stage::Body:
    case Stage::Idle:
      return;
    case Stage::End:
      return answer_end();
    case Stage::Bdat:
      return answer_chunk();
    case Stage::Rset:
      tell({250, "2.0.0", "Ok"});
      return effect(stage, 250, {});
    case Stage::Noop:
      return tell({250, "2.0.0", "Ok"});
    case Stage::Vrfy:
      return tell({252, "2.0.0", "Send some mail, I'll try my best"});
    case Stage::Quit:
      return tell({221, "2.0.0", "Bye"});
  }
}

}  // namespace mailpool::fakemx
