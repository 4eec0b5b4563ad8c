#pragma once
// One conversation: RFC 5321 (or RFC 2033) as it should be, unless a rule of the script says
// otherwise.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fakemx/body.h"
#include "fakemx/command.h"
#include "fakemx/link.h"
#include "fakemx/service.h"

namespace mailpool::fakemx {

class Session final : private Link::Owner {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    /// Deletes the session, but not before the event loop is back in charge.
    virtual void on_session_closed(std::uint64_t id) = 0;
  };

  /// `client`: its address. `surplus`: beyond the provider's max-connections.
  Session(Service& service, Host& host, net::Fd fd, std::uint64_t id, std::uint64_t listener,
          std::string client, bool surplus);
  void start() { link_.start(); }
  void abandon() { link_.abandon(); }
  void look_for_end() { link_.look_for_end(); }

 private:
  enum class Mode : std::uint8_t {
    Greeting,  ///< nothing was said yet
    Command,
    Handshake,  ///< a tls rule waits for the ClientHello
    Content,    ///< behind 354
    Chunk,      ///< behind BDAT
    Ending,     ///< the message is complete and gets its replies
    Over,       ///< nothing is said any more
  };
  enum class Wait : std::uint8_t { None, Timer, Forever };

  struct Transaction {
    bool open = false;
    bool mail_refused =
        false;  ///< what was sent along with MAIL gets 503, and that is nobody's fault
    bool rcpt_refused = false;
    bool spoiled = false;   ///< a chunk was refused: RSET must come
    bool answered = false;  ///< a reply came before the end of the content
    bool eight_bit = false;
    bool utf8 = false;
    std::uint64_t rcpts = 0;
    std::uint64_t chunks = 0;
    std::string from{};
    std::vector<std::string> to{};       ///< accepted
    std::vector<std::string> domains{};  ///< whose limits count this transaction
  };

  struct Answer {
    int code = 0;
    std::string_view enhanced;
    std::string_view text;
  };

  /// A rule on its way.
  struct Run {
    std::shared_ptr<Rule const> rule;
    Stage stage = Stage::Connect;
    std::size_t next = 0;
    std::uint64_t piece = 0;                              ///< trickle: so many octets at a time
    std::vector<std::uint64_t> const* offsets = nullptr;  ///< split
    Duration between{};
    std::string drip;           ///< what is yet to be said piece by piece
    std::uint64_t dripped = 0;  ///< octets of it that have been said
  };

  // session.cc: input, waiting, the end
  void on_start() override;
  void on_bytes(std::string_view plain, TimePoint arrived) override;
  void on_early_bytes() override;
  void on_handshake(bool ok, bool resumed) override;
  void on_peer_end() override;
  void on_over(TimePoint when) override;
  void on_closed() override;
  static void on_timer(evutil_socket_t, short, void* self);
  void wake();
  void pump_input();
  void pump(std::string_view& rest);
  bool take_line(std::string_view& rest);
  void settle();
  void arm_idle();
  void wait_for(Duration d);
  void finish(Ending how, Duration linger = std::chrono::seconds(2));
  void look_for_late_mail(std::string_view plain, TimePoint arrived) const;
  void violation(ClientViolation kind, std::string_view example);

  // session_rules.cc: what a rule does
  [[nodiscard]] Occasion occasion(Stage stage) const;
  void consult(Stage stage);
  void consult(Occasion const& now);
  void step();
  void drip();
  void perform(Action const& action);
  void reply(Action const& action);
  void stop_reading(Duration d);
  void repeat(Action const& action);
  void end_by(ActionKind kind);
  void disturb_tls(Action const& action);

  // session_replies.cc: replies, and what they bring about
  void effect(Stage stage, int code, std::string_view text);
  void finish_stage(Stage stage);
  void say(std::string_view text);
  void say_reply(int code, std::string_view text);
  void tell(Answer const& answer);
  void refuse(Answer const& answer);

  // session_hello.cc: greeting, EHLO, STARTTLS
  void greet();
  void hello(Verb verb, std::string_view argument);
  void answer_hello(Stage stage);
  void starttls(std::string_view argument);
  void begin_tls();

  // session_auth.cc: AUTH
  void auth(std::string_view argument);
  void auth_response(std::string_view line);
  [[nodiscard]] Answer auth_answer() const;

  // session_commands.cc: all other commands, and the server's own answers
  void command(std::string_view line, std::string_view& rest);
  void expect_silence(Verb verb, std::string_view line, bool more);
  void mail(std::string_view argument);
  [[nodiscard]] std::optional<Answer> mail_trouble(std::string_view argument);
  [[nodiscard]] std::optional<Answer> parameter_trouble(Parameter const& parameter);
  void rcpt(std::string_view argument);
  [[nodiscard]] std::optional<Answer> rcpt_trouble(PathArgument const& path);
  void data(std::string_view argument);
  void normal(Stage stage);

  // session_message.cc: content and its end
  void bdat(std::string_view argument);
  [[nodiscard]] std::optional<Answer> bdat_trouble();
  void end_of_chunk(bool more);
  void begin_content();
  [[nodiscard]] bool take_content(std::string_view& rest);
  void expect_silence_behind_content(bool more);
  void answer_chunk();
  void content_complete();
  void next_end();
  void answer_end();
  void commit();
  [[nodiscard]] std::span<std::string const> ending_recipients() const;
  [[nodiscard]] std::string tokens() const;
  void close_transaction();
  void message_over();

  [[nodiscard]] bool announced(Extension e) const { return announced_.has(e); }

  Service& service_;
  Host& host_;
  std::uint64_t id_;
  std::uint64_t listener_;
  std::string client_;
  bool surplus_;
  Link link_;
  net::Event timer_;

  Mode mode_ = Mode::Greeting;
  Wait wait_ = Wait::None;
  Run run_;
  std::string input_;         ///< an unfinished line, or what came while the session waited
  std::string client_hello_;  ///< for a tls rule
  bool pumping_ = false;
  bool overlong_ = false;
  bool peer_gone_ = false;
  bool silence_due_ = false;
  std::string silence_for_;  ///< which command must be waited for, for the example
  TimePoint arrived_{};
  TimePoint ready_since_ = never;
  Duration idle_seen_{};
  bool idle_restart_ = true;  ///< a command came since

  std::string helo_;
  bool refused_ = false;  ///< the greeting was not 2xx
  bool said_hello_ = false;
  bool claims_chunking_ = false;
  bool handshake_next_ = false;
  bool after_quit_ = false;
  bool is_in_auth_ = false;              ///< the next line answers a 334
  std::vector<std::string> auth_lines_;  ///< what the client said of AUTH so far
  ExtensionSet announced_;
  ExtensionSet hidden_;             ///< by `without` in this EHLO
  std::vector<std::string> extra_;  ///< by `announce`

  Transaction tx_;
  std::uint64_t mails_ = 0;
  std::uint64_t total_ = 0;      ///< number of this MAIL among all
  std::uint64_t completed_ = 0;  ///< messages whose end has been answered
  std::string candidate_;        ///< the recipient of the RCPT at hand
  std::unique_ptr<BodyReader> body_;
  DotReader dots_;
  std::uint64_t octets_ = 0;  ///< of the content, as they came
  std::uint64_t body_stop_ = UINT64_MAX;
  std::uint64_t chunk_left_ = 0;
  bool chunk_last_ = false;
  std::optional<Answer> chunk_refusal_;
  std::size_t ended_ = 0;   ///< LMTP: recipients whose reply is on its way
  bool committed_ = false;  ///< the message, or with LMTP this recipient
  bool any_committed_ = false;

  bool silent_close_ = false;
  TimePoint over_at_ = never;
};

}  // namespace mailpool::fakemx
