// The greeting, EHLO and STARTTLS: RFC 5321 4.1.1.1, RFC 3207.
#include <fmt/format.h>

#include "fakemx/session.h"

namespace mailpool::fakemx {

void Session::greet() {
  say_reply(220, fmt::format("{} {} fakemx", service_.settings.hostname,
                             service_.lmtp ? "LMTP" : "ESMTP"));
}

void Session::answer_hello(Stage stage) {
  auto const& settings = service_.settings;
  std::string text = settings.hostname;
  if (stage != Stage::Helo) {
    for (std::size_t i = 0; i < extension_names.size(); ++i) {
      auto const e = static_cast<Extension>(i);
      bool const limits = settings.mail_max > 0 || settings.rcpt_max > 0;
      if (!settings.extensions.has(e) || hidden_.has(e) || (e == Extension::Limits && !limits) ||
          (e == Extension::Starttls && (link_.is_tls() || !service_.tls)) ||
          (e == Extension::Requiretls && !link_.is_tls()) ||
          (e == Extension::Auth && settings.user.empty()))
        continue;
      (text += '\n') += name_of(e);
      if (e == Extension::Size) fmt::format_to(std::back_inserter(text), " {}", settings.max_size);
      if (e == Extension::Limits && settings.mail_max > 0)
        fmt::format_to(std::back_inserter(text), " MAILMAX={}", settings.mail_max);
      if (e == Extension::Limits && settings.rcpt_max > 0)
        fmt::format_to(std::back_inserter(text), " RCPTMAX={}", settings.rcpt_max);
      if (e == Extension::Auth) text += " PLAIN LOGIN";
    }
    for (auto const& line : extra_) (text += '\n') += line;
  }
  say_reply(250, text);
  effect(stage, 250, text);
}

void Session::hello(Verb verb, std::string_view argument) {
  if ((verb == Verb::Lhlo) != service_.lmtp) {
    violation(ClientViolation::BadSequence, name_of(verb));
    return refuse(
        {500, "5.5.1", service_.lmtp ? "This is LMTP: say LHLO" : "This is SMTP: say EHLO"});
  }
  if (refused_) return refuse({503, "5.5.1", "No service: say QUIT"});
  if (argument.empty()) {
    violation(ClientViolation::Syntax, name_of(verb));
    return refuse({501, "5.5.4", "Say who you are"});
  }
  if (said_hello_) violation(ClientViolation::SecondHello, name_of(verb));
  helo_ = argument;
  hidden_ = {};
  extra_.clear();
  consult(verb == Verb::Ehlo ? Stage::Ehlo : verb == Verb::Helo ? Stage::Helo : Stage::Lhlo);
}

void Session::starttls(std::string_view argument) {
  if (link_.is_tls() || !announced(Extension::Starttls)) {
    violation(ClientViolation::UnannouncedCommand, "STARTTLS");
    return refuse({link_.is_tls() ? 503 : 502, "5.5.1", "STARTTLS was not offered"});
  }
  if (!argument.empty()) {
    violation(ClientViolation::Syntax, "STARTTLS with an argument");
    return refuse({501, "5.5.4", "STARTTLS has no argument"});
  }
  consult(Stage::Starttls);
}

void Session::begin_tls() {
  said_hello_ = false;  // RFC 3207 4.2: as if just connected
  announced_ = {};
  close_transaction();
  if (service_.rules.speaks_of(Stage::Tls))
    mode_ = Mode::Handshake;
  else
    link_.start_tls(service_.tls.get());
}

}  // namespace mailpool::fakemx
