// Replies, and what they bring about.
#include <fmt/format.h>

#include "core/base/text.h"
#include "fakemx/session.h"

namespace mailpool::fakemx {

namespace {

/// "250-first CRLF 250 second CRLF" for "first LF second".
std::string formatted(int code, std::string_view text) {
  std::string reply;
  auto const lines = split(text, '\n');
  for (std::size_t i = 0; i < lines.size(); ++i)
    fmt::format_to(std::back_inserter(reply), "{:03}{}{}\r\n", code,
                   i + 1 < lines.size() ? '-' : ' ', lines[i]);
  return reply;
}

}  // namespace

/// What the client may think from now on.
void Session::effect(Stage stage, int code, std::string_view text) {
  bool const ok = code / 100 == 2;
  switch (stage) {
    case Stage::Connect:
      refused_ = !ok;
      break;
    case Stage::Ehlo:
    case Stage::Helo:
    case Stage::Lhlo:
      if (!ok) break;
      said_hello_ = true;
      close_transaction();
      announced_ = {};
      for (auto const line : split(text, '\n'))
        if (auto const e = extension_named(line.substr(0, line.find(' '))))
          if (service_.settings.extensions.has(*e)) announced_.add(*e);
      claims_chunking_ = ascii_upper(text).find("\nCHUNKING") != std::string::npos;
      break;
    case Stage::Starttls:
      handshake_next_ = code == 220;
      break;
    case Stage::Auth:
      is_in_auth_ = code == 334;
      break;
    case Stage::Mail:
      tx_.open = ok;
      tx_.mail_refused = !ok;
      break;
    case Stage::Rcpt:
      if (ok)
        tx_.to.push_back(candidate_);
      else
        tx_.rcpt_refused = true;
      break;
    case Stage::Data:
      if (code == 354) begin_content();
      if (code == 354) mode_ = Mode::Content;
      break;
    case Stage::Body:
      tx_.answered = true;
      break;
    case Stage::Bdat:
      if (!ok) tx_.spoiled = true;
      break;
    case Stage::Rset:
      if (ok) close_transaction();
      break;
    case Stage::Quit:
    case Stage::End:
    case Stage::Tls:
    case Stage::Noop:
    case Stage::Vrfy:
    case Stage::Idle:
      break;
  }
}

/// Behind the last word to a command.
void Session::finish_stage(Stage stage) {
  if (stage == Stage::Connect && mode_ == Mode::Greeting) mode_ = Mode::Command;
  if (std::exchange(silence_due_, false)) link_.end_silence();
  if (mode_ == Mode::Over || wait_ == Wait::Forever) return;
  if (std::exchange(handshake_next_, false)) begin_tls();
  if (stage == Stage::Tls && mode_ == Mode::Handshake)
    wait_ = Wait::Forever;  // no `normal`: no TLS
  if (stage == Stage::Quit) {
    if (link_.is_tls()) link_.close_notify();
    finish(Ending::Fin);
  }
}

void Session::say(std::string_view text) {
  service_.journal.trace(id_, 'S', text);
  if (run_.rule && (run_.piece > 0 || run_.offsets != nullptr))
    run_.drip += text;
  else
    link_.say(text);
}

void Session::say_reply(int code, std::string_view text) {
  say(formatted(code, text));
}

void Session::tell(Answer const& answer) {
  std::string text;
  if (announced(Extension::EnhancedStatusCodes) && !answer.enhanced.empty())
    fmt::format_to(std::back_inserter(text), "{} ", answer.enhanced);
  text += answer.text;
  say_reply(answer.code, text);
}

/// A command that no rule was asked about.
void Session::refuse(Answer const& answer) {
  tell(answer);
  if (std::exchange(silence_due_, false)) link_.end_silence();
}

}  // namespace mailpool::fakemx
