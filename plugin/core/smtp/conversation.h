#pragma once
// The inside of Session: what is said, owed and known. Five sources: conversation.cc (octets and
// time), setup.cc (greeting to Ready), login.cc (AUTH), envelope.cc (what a transaction sends),
// replies.cc (what its replies lead to).

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/smtp/command_stream.h"
#include "core/smtp/content.h"
#include "core/smtp/ledger.h"
#include "core/smtp/requirements.h"
#include "core/smtp/session.h"
#include "core/smtp/tally.h"
#include "core/smtp/verdicts.h"
#include "core/smtp/words.h"
#include "core/wire/reply.h"

namespace mailpool::smtp {

class Session::Conversation {
 public:
  Conversation(SessionSettings settings, TimePoint now, std::unique_ptr<Login> login);

  void receive(std::string_view octets, TimePoint now);
  void disconnected(std::string_view how, TimePoint now);
  void tls_established(TimePoint now);
  void tls_failed(std::string_view why);
  void expire(TimePoint now);

  void start(Transaction const& transaction, TimePoint now);
  void check(TimePoint now);
  void quit(std::string_view reason, TimePoint now);
  void cancel(std::string_view reason, TimePoint now);

  [[nodiscard]] std::optional<Event> poll();
  [[nodiscard]] Output output(TimePoint now);
  void written(std::size_t n, TimePoint now);
  void offered();
  [[nodiscard]] TimePoint deadline() const;

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool is_idle() const;
  [[nodiscard]] bool is_committed() const { return run_.is_on && run_.is_committed; }
  [[nodiscard]] std::uint32_t transactions() const { return transactions_; }
  [[nodiscard]] TimePoint last_reply_at() const { return last_reply_at_; }
  [[nodiscard]] std::string_view last_reply() const;
  [[nodiscard]] wire::Capabilities const& capabilities() const { return capabilities_; }
  [[nodiscard]] std::string_view server_name() const { return server_name_; }
  [[nodiscard]] bool is_encrypted() const { return is_encrypted_; }
  [[nodiscard]] bool chunking_is_broken() const { return chunking_is_broken_; }

 private:
  // How the connection goes on after the running transaction.
  enum class After : std::uint8_t {
    Idle,    // nothing was sent, or the end of data was answered with 2xx
    Reset,   // RSET
    Quit,    // QUIT, as soon as all replies are in
    Close,   // at once
    Poison,  // at once, and counted
  };

  // The running transaction. One object for all of them: its memory is used again.
  struct Run {
    bool is_on = false;
    Transaction transaction;
    Tally tally;
    std::size_t next_recipient = 0;
    bool is_reused = false;
    bool is_chunked = false;
    bool has_content_begun = false;
    bool is_mail_refused = false;
    bool is_committed = false;
    After after = After::Idle;
    std::string reason;
    std::vector<Remark> remarks;
    std::optional<Step> lost_at;
  };

  // conversation.cc
  void on_reply(TimePoint now);
  void on_unasked(std::string_view octets, TimePoint now);
  void on_unasked_end(TimePoint now);
  void on_checked(TimePoint now);
  void trouble(Sign sign, std::string_view how, TimePoint now);
  void close(std::string_view reason, bool is_protocol_error = false);
  void close(Closed closed);
  void begin_quit(std::string_view reason, TimePoint now);
  void ask(Owed owed, std::initializer_list<std::string_view> command, TimePoint now);
  void owe(Owed owed, TimePoint now);
  void enter(State state) { state_ = state; }
  [[nodiscard]] bool is_front_sent() const {
    return commands_.has_reached(ledger_.front().asked_at);
  }
  void note_progress(TimePoint now);
  [[nodiscard]] Duration timeout_of(Command command) const;
  // The last octet left for certain. Under TLS the commit point can be passed before that; but no
  // server can have taken a message whose last record is not complete.
  [[nodiscard]] bool is_end_sent() const {
    return run_.has_content_begun && content_.is_over() && commands_.unsent().empty();
  }

  // setup.cc
  [[nodiscard]] bool is_setting_up() const { return state_ < State::Idle; }
  void on_setup_reply(Command command, TimePoint now);
  void on_ehlo(TimePoint now);
  void on_starttls(TimePoint now);
  void say_ehlo(TimePoint now);
  void finish_setup(TimePoint now);
  void become_ready();
  /// `is_refused`: by the reply that came last.
  void fail_setup(Outcome outcome, bool try_plain = false, bool is_protocol_error = false,
                  bool is_refused = false);
  /// By the reply that came last.
  void refuse_setup();
  [[nodiscard]] bool may_try_plain() const;
  /// Only the first reply under TLS shows that the server has shaken hands too: one that wants a
  /// certificate of TLS 1.3's clients says so after they think that all is done.
  [[nodiscard]] bool is_tls_unproven() const { return is_encrypted_ && !is_heard_under_tls_; }
  [[nodiscard]] bool is_shaking_hands() const {
    return state_ == State::StartTls || state_ == State::TlsHandshake || is_tls_unproven();
  }

  // login.cc
  void begin_login(TimePoint now);
  void on_auth(TimePoint now);
  void forget_echo();
  void say_line(Secret const& line, std::string_view before, TimePoint now);
  [[nodiscard]] Outcome in_our_words(std::string_view why) const;
  void refuse_login(std::string_view why);
  void fail_login(Outcome outcome, bool for_good);

  // envelope.cc
  void begin_envelope(TimePoint now);
  void settle_impossible(Requirements const& needs);
  void ask_mail(Requirements const& needs, TimePoint now);
  void ask_recipients(Requirements const& needs, std::size_t at_most, TimePoint now);
  void ask_end(TimePoint now);
  void begin_content(Content::Framing framing, TimePoint now);
  void advance(TimePoint now);
  void finish(TimePoint now);
  [[nodiscard]] TransactionResult result(bool is_connection_over);
  [[nodiscard]] bool may_chunk() const;
  [[nodiscard]] bool may_go_in_one_flight(TimePoint now) const;

  // replies.cc
  void on_transaction_reply(Owed const& owed, TimePoint now);
  [[nodiscard]] bool is_hoped_for(Place place, Owed const& owed) const;
  void go_on(Place place, Owed const& owed, TimePoint now);
  void act(Row const& row, Sign sign, std::string_view how, std::size_t recipient, TimePoint now);
  void act_without_reply(Sign sign, std::string_view how, TimePoint now);
  void restart_without_chunking(TimePoint now);
  void end_unwanted_data(TimePoint now);
  void settle_rest(Place place, std::size_t recipient, Outcome const& outcome, Retry retry);
  void escalate(After after) { run_.after = std::max(run_.after, after); }
  [[nodiscard]] Place place_of(Command command) const;
  [[nodiscard]] Place place_of_reply(Command command) const;
  [[nodiscard]] Context context() const;
  [[nodiscard]] Outcome said(Place place) const;
  [[nodiscard]] Remark remark(Step step, std::size_t recipient = 0) const;
  void note_remark(Row const& row, std::size_t recipient);
  void update_state();

  SessionSettings const settings_;
  std::unique_ptr<Login> login_;  // until it is decided
  State state_ = State::Greeting;
  std::vector<Event> events_;
  std::size_t next_event_ = 0;

  wire::ReplyParser parser_;
  wire::Reply last_;
  mutable std::string last_line_;  // made when asked for
  bool has_more_input_ = false;    // octets behind the reply that is being handled
  TimePoint last_reply_at_;

  Ledger ledger_;
  CommandStream commands_;
  std::string scratch_;  // for an address in A-labels

  wire::Capabilities capabilities_;
  std::string server_name_;
  bool is_encrypted_ = false;
  bool is_heard_under_tls_ = false;
  TlsTrouble tls_trouble_ = TlsTrouble::None;
  bool lacks_tls_ = false;
  bool chunking_is_broken_ = false;
  std::uint32_t transactions_ = 0;

  Run run_;
  Content content_;
  std::uint64_t content_mark_ = 0;  // Content::sent() at body_since_

  TimePoint waiting_since_;
  TimePoint body_since_{};
  std::string closing_reason_;
};

}  // namespace mailpool::smtp
