// AUTH (RFC 4954): after EHLO, under TLS unless the operator says otherwise, before the session is
// Ready. Whatever goes wrong is 451 4.7.8: a wrong password bounces no mail.
#include <fmt/format.h>

#include <utility>

#include "core/base/text.h"
#include "core/smtp/conversation.h"

namespace mailpool::smtp {

void Session::Conversation::begin_login(TimePoint now) {
  if (!is_encrypted_ && !login_->allow_plaintext) {
    auto text = fmt::format(
        "{} offers no TLS, and [login.{}] is not used without (allow_plaintext = false)",
        settings_.relay, login_->name);
    return fail_login(Outcome::local(451, {4, 7, 8}, std::move(text)), false);
  }
  // A server without AUTH is a fault of that host; without a mechanism we may use, of the login.
  if (auto const chosen = login_->authentication.choose(capabilities_.auth); !chosen)
    return fail_login(in_our_words(chosen.error().reason), !capabilities_.auth.empty());
  enter(State::Auth);
  say_line(login_->authentication.command(), "AUTH ", now);
}

void Session::Conversation::say_line(Secret const& line, std::string_view before, TimePoint now) {
  commands_.append_secret(before, line.reveal());
  owe({Command::Auth}, now);
}

void Session::Conversation::on_auth(TimePoint now) {
  if (last_.code == 334) {
    auto const response = login_->authentication.answer(last_.text());
    forget_echo();
    if (!response) return refuse_login(response.error().reason);
    return say_line(*response, "", now);
  }
  forget_echo();
  if (last_.code == 421) return refuse_setup();  // the service ends, whatever was asked of it
  if (last_.code == 235) {
    if (auto const believed = login_->authentication.accept(); !believed)
      return refuse_login(believed.error().reason);
    login_.reset();
    return become_ready();
  }
  if (!last_.is(4) && !last_.is(5)) {
    return fail_setup(failure_of(settings_.relay, Nonsense, sentence_of(state_), last_reply()),
                      false, true);
  }
  auto outcome = as_deferred(
      Outcome::remote(last_.code, last_.enhanced, last_.text(), settings_.relay, "AUTH"));
  // 4xx speaks of the server's own trouble (454 4.7.0): the login may still be right.
  fail_login(std::move(outcome), last_.is(5));
}

// Whatever a server repeats of the login goes before anybody can read it.
void Session::Conversation::forget_echo() {
  last_.lines = login_->authentication.redacted(last_.lines);
  last_line_.clear();
}

Outcome Session::Conversation::in_our_words(std::string_view why) const {
  return Outcome::local(451, {4, 7, 8},
                        fmt::format("{}: login {}: {}", settings_.relay, login_->name, why));
}

// We do not go on with a server that asks for what is not due, or could not prove itself.
void Session::Conversation::refuse_login(std::string_view why) {
  fail_login(in_our_words(why), true);
}

void Session::Conversation::fail_login(Outcome outcome, bool for_good) {
  outcome.code = 451;
  outcome.enhanced = {4, 7, 8};
  login_.reset();
  fail_setup(std::move(outcome));
  std::get<Closed>(events_.back()).login_refused = for_good;
}

}  // namespace mailpool::smtp
