#include "core/lmtp/conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/base/text.h"

namespace mailpool::lmtp {
namespace {

constexpr std::size_t longest_line = 2048;       // RFC 3461 5.4 asks for 1036 in RCPT
constexpr std::size_t most_input = 16U << 10U;   // kept while a message is on its way
constexpr std::size_t most_output = 64U << 10U;  // replies the client has not read
constexpr std::size_t most_mistakes = 20;        // between two messages

bool is_eight_bit(char c) {
  return static_cast<unsigned char>(c) > 0x7f;
}

}  // namespace

Server::Conversation::Conversation(ServerSettings settings, ServerEvents& events, BodyStore& bodies,
                                   TimePoint now)
    : settings_(std::move(settings)),
      events_(events),
      bodies_(bodies),
      now_(now),
      last_input_(now) {
  say(fmt::format("220 {} LMTP mailpool", settings_.hostname));
}

void Server::Conversation::receive(std::string_view octets, TimePoint now) {
  assert(!processing_);  // on_message() may answer, it may not feed
  now_ = now;
  last_input_ = now;
  if (is_over()) return;
  if (input_.empty()) {
    input_ = octets.substr(process(octets));
    return;
  }
  input_ += octets;
  resume();
}

/// Goes on with the input that had to wait.
void Server::Conversation::resume() {
  if (!processing_ && !input_.empty()) input_.erase(0, process(input_));
}

std::size_t Server::Conversation::process(std::string_view octets) {
  processing_ = true;
  std::size_t taken = 0;
  while (taken < octets.size() && may_process()) {
    auto const rest = octets.substr(taken);
    auto const n = state_ == State::Content ? process_content(rest) : process_line(rest);
    if (n == 0) break;
    taken += n;
  }
  processing_ = false;
  return is_over() ? octets.size() : taken;
}

bool Server::Conversation::may_process() const {
  return state_ != State::Delivering && state_ != State::Over && output().size() < most_output;
}

// One command line, if it is whole.
std::size_t Server::Conversation::process_line(std::string_view octets) {
  auto const lf = octets.find('\n');
  bool const is_whole = lf != std::string_view::npos;
  if (!is_whole && octets.size() <= longest_line && !skipping_line_) return 0;
  bool const is_too_long = skipping_line_ || !is_whole || lf > longest_line;
  skipping_line_ = is_too_long && !is_whole;
  if (!is_whole) return octets.size();
  if (is_too_long)
    say_mistake(500, {5, 5, 2}, fmt::format("the line is longer than {} octets", longest_line));
  else
    run(octets.substr(0, lf));
  return lf + 1;
}

std::size_t Server::Conversation::process_content(std::string_view octets) {
  auto const taken = writer_->receive(octets);
  if (writer_->refusal() && refused_at_ == never) refused_at_ = now_;
  if (writer_->is_finished()) hand_over();
  return taken;
}

void Server::Conversation::hand_over() {
  state_ = State::Delivering;
  mistakes_ = 0;
  verdicts_.assign(envelope_.recipients.size(), {});
  next_verdict_ = 0;
  if (auto const refusal = writer_->refusal()) return refuse_all(*refusal);
  Message message{std::move(envelope_), writer_->take_body()};
  writer_.reset();
  events_.on_message(std::move(message));
}

void Server::Conversation::refuse_all(Outcome const& refusal) {
  for (std::size_t i = 0, n = verdicts_.size(); i < n; ++i) put_verdict(i, refusal.reply_line());
}

void Server::Conversation::reply(std::size_t index, Outcome const& outcome, TimePoint now) {
  now_ = now;
  put_verdict(index, outcome.reply_line());
  resume();
}

void Server::Conversation::put_verdict(std::size_t index, std::string line) {
  assert(is_delivering() && index < verdicts_.size());
  assert(index >= next_verdict_ && verdicts_[index].empty());  // each recipient has one reply
  verdicts_[index] = std::move(line);
  for (; next_verdict_ < verdicts_.size() && !verdicts_[next_verdict_].empty(); ++next_verdict_)
    say(verdicts_[next_verdict_]);
  if (next_verdict_ < verdicts_.size()) return;
  last_input_ = now_;  // the client's silence was not its own
  end_transaction();
}

void Server::Conversation::end_transaction() {
  state_ = State::Ready;
  writer_.reset();
  envelope_ = {};
  ident_.clear();
  announced_size_ = 0;
  utf8_replies_ = false;
  verdicts_.clear();
  refused_at_ = never;
}

void Server::Conversation::expire(TimePoint now) {
  if (now < deadline()) return;
  now_ = now;
  if (is_over()) return written(output().size());  // it does not even read the last words
  auto const what =
      state_ == State::Content ? "the end of the message did not come" : "no command came";
  say(fmt::format("451 4.4.2 {} {} for {}, closing", settings_.hostname, what,
                  to_text(settings_.idle_timeout)));
  close("idle_timeout");
}

TimePoint Server::Conversation::deadline() const {
  if (is_delivering() || (is_over() && output().empty())) return never;
  // A message that was refused is read to its end, but not for as long as the client likes.
  return after(std::min(last_input_, refused_at_), settings_.idle_timeout);
}

std::string_view Server::Conversation::output() const {
  return std::string_view(output_).substr(written_);
}

void Server::Conversation::written(std::size_t n) {
  assert(n <= output().size());
  written_ += n;
  if (written_ == output_.size()) {
    output_.clear();
    written_ = 0;
  }
  resume();
}

bool Server::Conversation::wants_input() const {
  if (is_over() || output().size() >= most_output) return false;
  if (state_ == State::Content) return writer_->wants_more();
  return input_.size() < most_input;
}

bool Server::Conversation::is_idle() const {
  return (state_ == State::Greeted || state_ == State::Ready) && output().empty();
}

void Server::Conversation::say(std::string_view line) {
  if (written_ > most_output) {
    output_.erase(0, written_);
    written_ = 0;
  }
  output_ += line;
  // RFC 6531 3.7.4: replies hold UTF-8 only within a transaction that asked for it.
  if (!utf8_replies_)
    std::replace_if(output_.end() - static_cast<std::ptrdiff_t>(line.size()), output_.end(),
                    is_eight_bit, '?');
  output_ += "\r\n";
}

// A command that cannot be understood or comes at the wrong time.
void Server::Conversation::say_mistake(std::uint16_t code, EnhancedCode enhanced,
                                       std::string_view text) {
  if (++mistakes_ < most_mistakes) return say(Outcome::local(code, enhanced, std::string(text)));
  // Not 421: an MTA would take the whole pool for dead.
  say(fmt::format("451 4.7.0 {} mistakes in a row, closing; the last: {}", mistakes_,
                  printable(text, 200)));
  close("too many mistakes");
}

void Server::Conversation::close(std::string_view reason) {
  end_transaction();
  state_ = State::Over;
  last_input_ = now_;
  close_reason_ = reason;
}

}  // namespace mailpool::lmtp
