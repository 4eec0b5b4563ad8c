#pragma once
// The inside of lmtp::Server: what may be said when, and what is buffered where.
//
//   Greeted -> Ready (LHLO) -> Mail (MAIL) -> Content (DATA, 354) -> Delivering -> Ready
//   RSET and LHLO lead back from Mail to Ready; QUIT, too many mistakes and silence lead to Over.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/lmtp/body_writer.h"
#include "core/lmtp/server.h"
#include "core/wire/lmtp_command.h"

namespace mailpool::lmtp {

class Server::Conversation {
 public:
  Conversation(ServerSettings settings, ServerEvents& events, BodyStore& bodies, TimePoint now);

  void receive(std::string_view octets, TimePoint now);
  void reply(std::size_t index, Outcome const& outcome, TimePoint now);
  void expire(TimePoint now);
  void resume();

  [[nodiscard]] std::string_view output() const;
  void written(std::size_t n);
  [[nodiscard]] bool wants_input() const;
  [[nodiscard]] bool is_over() const { return state_ == State::Over; }
  [[nodiscard]] bool is_delivering() const { return state_ == State::Delivering; }
  [[nodiscard]] bool is_idle() const;
  [[nodiscard]] TimePoint deadline() const;
  [[nodiscard]] std::string_view close_reason() const { return close_reason_; }

 private:
  enum class State : std::uint8_t {
    Greeted,     ///< 220 was said, LHLO is missing
    Ready,       ///< no transaction
    Mail,        ///< MAIL was accepted
    Content,     ///< 354 was said: octets are content
    Delivering,  ///< the owner has the message; input waits
    Over,        ///< nothing more is read
  };

  // conversation.cc: octets in, replies out.
  std::size_t process(std::string_view octets);
  std::size_t process_line(std::string_view octets);
  std::size_t process_content(std::string_view octets);
  [[nodiscard]] bool may_process() const;
  void hand_over();
  void refuse_all(Outcome const& refusal);
  void put_verdict(std::size_t index, std::string line);
  void say(std::string_view line);
  void say(Outcome const& outcome) { say(outcome.reply_line()); }
  void say_mistake(std::uint16_t code, EnhancedCode enhanced, std::string_view text);
  void close(std::string_view reason);
  void end_transaction();

  // commands.cc: what each command does.
  void run(std::string_view line);
  void run(wire::Command const& command);
  void lhlo(std::string_view argument);
  void xforward(std::string_view argument);
  void mail(std::string_view argument);
  void rcpt(std::string_view argument);
  void data(std::string_view argument);
  void rset();
  void quit();
  [[nodiscard]] std::optional<Outcome> fault_of_sender(std::string_view mailbox,
                                                       Result<std::string> const& on_wire) const;
  [[nodiscard]] std::optional<Outcome> fault_of_recipient(std::string_view mailbox,
                                                          Result<std::string> const& on_wire) const;
  [[nodiscard]] std::string error_if_unready() const;

  ServerSettings const settings_;
  ServerEvents& events_;
  BodyStore& bodies_;
  State state_ = State::Greeted;
  TimePoint now_;
  TimePoint last_input_;
  TimePoint refused_at_ =
      never;  ///< since when the content of a refused message is read for nothing

  std::string
      input_;  ///< read but not yet understood: half a line, or what the client said too early
  bool skipping_line_ = false;  ///< the rest of an over-long line
  bool processing_ = false;     ///< reply() was called from inside on_message()
  std::string output_;
  std::size_t written_ = 0;  ///< octets of output_ that left already
  std::string close_reason_;

  std::size_t mistakes_ = 0;
  std::string ident_;  ///< XFORWARD IDENT for the next message
  Envelope envelope_;
  std::uint64_t announced_size_ = 0;
  bool utf8_replies_ = false;  ///< the client said SMTPUTF8 in this transaction
  std::optional<BodyWriter> writer_;
  std::vector<std::string> verdicts_;  ///< replies by recipient, empty while not known
  std::size_t next_verdict_ = 0;       ///< all before it are said
};

}  // namespace mailpool::lmtp
