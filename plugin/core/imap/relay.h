#pragma once
// A logged-in connection between its server and whoever borrows it: what is open, what was changed,
// and whether it may be lent again.
//
//   Idle -> Lent -> Finishing -> Resetting -> Idle;  Idle -> Checking -> Idle;  any -> Broken
//
// Octets in, octets out; large literals pass through in pieces. It enters Idle only when it is
// provably clean: every command answered, no mailbox selected, nothing changed that cannot be taken
// back, and a barrier answered whose tag nobody could know.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/imap/capabilities.h"
#include "core/imap/commands.h"
#include "core/imap/discard.h"
#include "core/imap/entropy.h"
#include "core/imap/outbox.h"
#include "core/wire/imap_scanner.h"

namespace mailpool::imap {

/// Off is for tests alone: they prove that the harness finds the leaks.
enum class Reset : std::uint8_t { On, Off };

class Relay {
 public:
  enum class Phase : std::uint8_t {
    Idle,
    Lent,
    Finishing,  ///< the client has left, its commands are still being answered
    Resetting,  ///< UNSELECT and the barrier are on their way
    Checking,   ///< NOOP is on its way
    Broken,     ///< of no further use, for discard()
  };

  Relay(Capabilities capabilities, Entropy& entropy, Reset reset = Reset::On)
      : entropy_(entropy), reset_(reset), capabilities_(std::move(capabilities)) {}

  // A loan.
  /// What the client is told goes into `client`, which outlives the loan.
  void lend(Outbox& client);
  /// Takes what it can of the client's octets and says how many.
  std::size_t from_client(std::string_view input);
  /// Takes what it can of the server's octets. What nobody borrowed is read and forgotten.
  std::size_t from_server(std::string_view input);
  /// The client's part is over: it was answered its LOGOUT, or lost by its own fault.
  [[nodiscard]] bool has_dismissed_client() const { return is_dismissed_; }
  /// Answers LOGOUT although commands before it are not answered yet.
  void stop_waiting_to_log_out();
  [[nodiscard]] bool waits_to_log_out() const { return !logout_tag_.empty() && !is_dismissed_; }
  [[nodiscard]] bool is_in_idle_command() const { return idle_ != Idle::No; }
  /// Between two commands of the client, so that it may be told something unasked for.
  [[nodiscard]] bool is_at_rest() const;
  /// The next word is the server's: something was asked, or it has not taken what was said.
  [[nodiscard]] bool waits_for_server() const;
  /// The client has left, by LOGOUT or without. The connection cleans itself, or is Broken.
  void take_back();

  /// Idle only: NOOP, to see that the server is there.
  void check();
  /// What ends it from outside: a timeout, an operator.
  void discard(Discard reason);
  /// Whether LOGOUT can be said to the server: not in the middle of a command's literal.
  [[nodiscard]] bool may_say_logout() const;
  void say_logout();

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] Discard reason() const { return reason_; }
  [[nodiscard]] std::string const& last_line() const { return last_line_; }
  [[nodiscard]] Capabilities const& capabilities() const { return capabilities_; }
  /// The client is in the middle of a command that goes to the server.
  [[nodiscard]] bool is_being_told() const { return is_in_passed_command(); }
  /// ENABLE is neither offered nor passed on.
  void withhold_enable();
  /// What ID tells besides the name: pairs of quoted strings, while it is lent.
  void describe_by(std::function<std::string()> pairs) { pairs_ = std::move(pairs); }
  [[nodiscard]] std::size_t open_commands() const { return open_.size(); }
  /// Octets read and forgotten since the client left.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

  Outbox& to_server() { return to_server_; }

 private:
  enum class Selected : std::uint8_t { No, Yes, Unknown };
  enum class Idle : std::uint8_t { No, Asked, Active, Ending };
  struct Open {
    std::string tag;
    CommandRow const* row;
    bool closed_since = false;  ///< the server said that the mailbox of before is closed
    bool was_unasked = false;   ///< its literal did not wait for the server
  };
  /// The command that the client is in the middle of.
  struct Current {
    std::string tag;
    std::string answer;  ///< of one that is refused: given when it is complete
    bool is_passed_on = false;
    bool answered = false;  ///< before it was complete
  };

  // The client's side.
  bool take_line(std::string_view line, bool ends);
  bool take_rest(std::string_view line, bool ends);
  void take_literal(std::string_view octets);
  std::size_t take_done(std::string_view input);
  void refuse(std::string_view tag, std::string answer, bool ends);
  void answer_here(CommandRow const& row, std::string_view tag);
  void pass_on(CommandRow const& row, std::string_view tag, std::string_view line, bool ends);
  void pass_on_mark(std::string_view octets, bool may_be_unasked);
  void lose_client(std::string_view why);
  [[nodiscard]] bool may_take_command() const;
  [[nodiscard]] bool is_in_passed_command() const {
    return current_.is_passed_on && !commands_.is_between();
  }
  [[nodiscard]] bool is_open(std::string_view tag) const;
  void say(std::string_view line);
  void say_what_was_held();
  void answer_logout();

  // The server's side.
  void hear(std::string_view line, bool is_whole);
  void hear_continuation(std::string_view line);
  void hear_untagged(std::string_view line, bool is_whole);
  void hear_tagged(std::string_view line);
  void hear_own_tag(std::string_view status);
  void hear_result(Open const& open, std::string_view status);
  void hear_result_of_current(bool is_ok);
  void pass_to_client(std::string_view octets);
  [[nodiscard]] bool is_client_behind() const { return client_ != nullptr && client_->is_full(); }
  void break_off(Discard reason);

  // The end of a loan.
  void finish();
  void begin_reset();
  void become_idle();

  void note_capabilities(std::string_view words);

  Entropy& entropy_;
  std::function<std::string()> pairs_;
  bool withholds_enable_ = false;
  bool had_literal_ = false;  ///< the response before
  Reset reset_;
  Phase phase_ = Phase::Idle;
  Discard reason_ = Discard::None;
  Capabilities capabilities_;
  wire::ImapResponseScanner responses_;
  wire::ImapCommandScanner commands_{longest_command_line};
  Outbox* client_ = nullptr;
  Outbox to_server_;
  std::string held_;  ///< what is said here, until the server's response is complete
  std::vector<Open> open_;
  Current current_;
  Selected selected_ = Selected::No;
  Idle idle_ = Idle::No;
  std::string idle_tag_;
  bool waits_for_go_ahead_ = false;  ///< a literal of the client that waits for "+"
  bool hides_go_ahead_ = false;      ///< the client itself does not wait for it
  std::string scanned_;              ///< of a short literal
  Discard taint_ = Discard::None;
  bool has_doubt_ = false;
  std::string logout_tag_;
  bool is_logout_answered_ = false;
  bool is_dismissed_ = false;
  std::string unselect_tag_;
  std::string barrier_tag_;
  bool expects_refusal_ = false;  ///< UNSELECT is done by an EXAMINE that fails
  bool is_logged_out_ = false;
  std::uint64_t forgotten_ = 0;
  std::string last_line_;

  static constexpr std::size_t longest_command_line = 256U << 10U;
  static constexpr std::size_t most_open = 256;
  static constexpr std::size_t scanned_literal = 256;
};

}  // namespace mailpool::imap
