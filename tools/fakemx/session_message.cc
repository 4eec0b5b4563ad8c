// Content and its end: RFC 5321 4.1.1.4, RFC 2033 4.2, RFC 3030.
#include <fmt/format.h>

#include <algorithm>

#include "fakemx/session.h"

namespace mailpool::fakemx {

namespace {

constexpr std::size_t most_tokens = 20;  // a reply line has 512 octets

}  // namespace

void Session::bdat(std::string_view argument) {
  auto const chunk = parse_bdat(argument);
  if (!chunk) {
    violation(ClientViolation::Syntax, argument);
    return refuse({501, "5.5.4", "BDAT size [LAST] is what was expected"});
  }
  chunk_refusal_ = bdat_trouble();
  if (tx_.chunks++ == 0) begin_content();
  chunk_left_ = chunk->size;
  chunk_last_ = chunk->last;
  mode_ = Mode::Chunk;
}

std::optional<Session::Answer> Session::bdat_trouble() {
  if (!announced(Extension::Chunking)) {
    // A script may promise what the settings do not hold: then the client is right to try.
    if (!claims_chunking_) violation(ClientViolation::UnannouncedCommand, "BDAT");
    return Answer{502, "5.5.1", "Not implemented"};
  }
  if (!tx_.open) {
    if (!tx_.mail_refused) violation(ClientViolation::BadSequence, "BDAT before MAIL");
    return Answer{503, "5.5.1", "MAIL must come first"};
  }
  if (tx_.spoiled) return Answer{503, "5.5.1", "An earlier chunk was refused: say RSET"};
  if (!tx_.to.empty()) return {};
  if (!tx_.rcpt_refused) violation(ClientViolation::BadSequence, "BDAT before RCPT");
  return Answer{554, "5.5.1", "No valid recipients"};
}

void Session::begin_content() {
  if (!body_) body_ = std::make_unique<BodyReader>();
  body_->restart(service_.journal.wants_content(), service_.journal.wants_traceless());
  dots_.restart();
  octets_ = 0;
  ended_ = 0;
  committed_ = any_committed_ = false;
  body_stop_ = service_.rules.next_body_stop(occasion(Stage::Body));
}

/// One step; false if more input is needed for the next.
bool Session::take_content(std::string_view& rest) {
  if (octets_ == body_stop_) {
    consult(Stage::Body);
    auto beyond = occasion(Stage::Body);
    ++beyond.at;
    body_stop_ = service_.rules.next_body_stop(beyond);
    return true;
  }
  if (mode_ == Mode::Chunk && chunk_left_ == 0) {
    end_of_chunk(!rest.empty());
    return true;
  }
  if (rest.empty()) return false;
  auto piece = rest.substr(
      0, static_cast<std::size_t>(std::min<std::uint64_t>(rest.size(), body_stop_ - octets_)));
  std::size_t taken = 0;
  if (mode_ == Mode::Chunk) {
    taken = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), chunk_left_));
    chunk_left_ -= taken;
    if (!chunk_refusal_) body_->add(piece.substr(0, taken));
  } else {
    taken = dots_.take(piece, *body_);
  }
  octets_ += taken;
  rest.remove_prefix(taken);
  if (mode_ == Mode::Content && dots_.at_end()) {
    expect_silence_behind_content(!rest.empty());
    content_complete();
  }
  return true;
}

/// Without PIPELINING the reply to the content must be waited for, too.
void Session::expect_silence_behind_content(bool more) {
  if (announced(Extension::Pipelining)) return;
  silence_for_ = "the end of the content";
  if (more || link_.has_arrivals())
    on_early_bytes();
  else
    link_.begin_silence();
  silence_due_ = true;
}

void Session::end_of_chunk(bool more) {
  expect_silence_behind_content(more);
  mode_ = Mode::Command;
  if (chunk_refusal_) {
    if (tx_.open) tx_.spoiled = true;
    if (!tx_.answered) return refuse(*std::exchange(chunk_refusal_, {}));
  }
  if (tx_.answered) {
    tx_.spoiled = true;
    tx_.answered = false;
    return;
  }
  consult(Stage::Bdat);
}

void Session::answer_chunk() {
  if (chunk_last_) return content_complete();
  tell({250, "2.0.0", "Chunk taken"});
}

void Session::content_complete() {
  body_->finish();
  auto const& faults = body_->faults();
  auto const note = [&](ClientViolation kind, std::uint64_t count) {
    if (count > 0) violation(kind, fmt::format("{} in message {}", count, mails_));
  };
  note(ClientViolation::BareCr, faults.bare_cr);
  note(ClientViolation::BareLf, faults.bare_lf);
  note(ClientViolation::Nul, faults.nul);
  note(ClientViolation::UnstuffedDot, faults.unstuffed_dots);
  if (faults.eight_bit && !tx_.eight_bit) ++service_.stats.undeclared_eight_bit;
  mode_ = Mode::Ending;
}

std::span<std::string const> Session::ending_recipients() const {
  if (!service_.lmtp) return tx_.to;
  return std::span(tx_.to).subspan(ended_ - 1, 1);
}

void Session::next_end() {
  if (tx_.to.empty() && !tx_.answered && ended_ == 0) {  // a script gave 354 all the same
    tell({554, "5.5.1", "No valid recipients"});
    return message_over();
  }
  if (tx_.answered || ended_ == (service_.lmtp ? tx_.to.size() : 1)) return message_over();
  ++ended_;
  committed_ = false;
  consult(Stage::End);
}

void Session::answer_end() {
  auto const& settings = service_.settings;
  if (announced(Extension::Size) && settings.max_size > 0 && body_->size() > settings.max_size) {
    if (!any_committed_)
      violation(ClientViolation::TooLarge, fmt::format("{} octets", body_->size()));
    return tell({552, "5.3.4", "Message too large"});
  }
  commit();
  tell({250, "2.0.0", fmt::format("Ok: tok={} {} octets", tokens(), body_->size())});
}

/// Into the log, before anything is said.
void Session::commit() {
  if (std::exchange(committed_, true)) return;
  auto const to = ending_recipients();
  service_.journal.record({id_, mails_, tx_.from, to, body_.get(), "accepted"});
  auto& stats = service_.stats;
  if (std::exchange(any_committed_, true)) {
    stats.accepted_also(to.size());
  } else {
    stats.accepted(net::monotonic_now(), body_->size(), to.size());
    service_.provider.accepted(client_);
  }
  for (auto const& recipient : to) stats.accepted_for(domain_part(recipient));
}

std::string Session::tokens() const {
  std::string text;
  auto const to = ending_recipients();
  for (std::size_t i = 0; i < to.size() && i < most_tokens; ++i)
    (text += text.empty() ? "" : ",") += token_of(body_->digest(), to[i]);
  return text;
}

void Session::message_over() {
  if (!any_committed_) {
    ++service_.stats.refused_messages;
    if (service_.log_all)
      service_.journal.record({id_, mails_, tx_.from, tx_.to, body_.get(), "not_accepted"});
  }
  close_transaction();
  mode_ = Mode::Command;
  ++completed_;
  if (std::exchange(silence_due_, false)) link_.end_silence();
  auto const& settings = service_.settings;
  if (settings.max_messages == 0 || completed_ < settings.max_messages ||
      settings.max_messages_end != MessagesEnd::Silent)
    return;
  silent_close_ = true;
  if (link_.is_tls()) link_.close_notify();
  finish(Ending::Fin, std::chrono::minutes(1));
}

void Session::close_transaction() {
  for (auto const& domain : tx_.domains) service_.provider.leave_domain(domain);
  auto to = std::exchange(tx_.to, {});
  auto from = std::exchange(tx_.from, {});
  to.clear();
  from.clear();
  tx_ = {};
  tx_.to = std::move(to);  // with the room they have
  tx_.from = std::move(from);
}

}  // namespace mailpool::fakemx
