#pragma once
// One client connection after the other, a message at a time.

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "bench/load/plan.h"
#include "bench/load/report.h"
#include "net/handles.h"

namespace mailpool::load {

/// A message on its way.
struct Current {
  Dispenser::Ticket ticket;
  TimePoint begun;
  std::string content;
  std::uint64_t rcpts_sent = 0;
  std::uint64_t rcpts_answered = 0;
  std::uint64_t accepted = 0;
  std::uint64_t delivered = 0;
  bool mail_refused = false;
  bool data_answered = false;
  bool content_sent = false;
};

class Session {
 public:
  /// What all sessions share. `idle`: a session that has nothing to send puts itself there; whoever
  /// sees the next message due wakes it.
  struct Shared {
    Plan const& plan;
    Dispenser& dispenser;
    Report& report;
    event_base* base;
    std::deque<Session*> idle;
    std::function<void()> on_done;  ///< a session has sent its last
    TimePoint last_reply{};
  };

  explicit Session(Shared& shared) : shared_(shared) {}
  void start() { next(); }
  void wake() { next(); }

 private:
  enum class Phase : std::uint8_t { Connect, Hello, Mail, Rcpt, Data, End, Rset, Quit };

  static void on_event(evutil_socket_t, short what, void* self);
  void connect();
  void connected();
  void disconnect(std::string_view why);
  void pause_then_connect();
  void quit();
  void done();
  void next();
  void begin(Dispenser::Ticket ticket);
  void send_all_at_once();
  void send_rcpt();
  void send_content();
  void expect_ends();
  void proceed();
  void finish_message();
  void read();
  void on_reply(std::string_view line);
  void on_message_reply(Phase phase, int code);
  void learn(std::string_view hello_line);
  void command(Phase phase, std::string_view text);
  void flush();
  void await(short what);
  [[nodiscard]] Flights flights() const;

  Shared& shared_;
  net::Fd fd_;
  net::Event event_;
  std::string in_;
  std::string out_;
  std::deque<Phase> due_;  ///< replies that must come, in this order
  std::optional<Current> current_;
  std::optional<Dispenser::Ticket> waiting_;  ///< for a connection
  std::uint64_t sent_here_ = 0;
  std::uint64_t failed_connects_ = 0;
  bool connecting_ = false;
  bool ready_ = false;
  bool need_rset_ = false;  ///< the last transaction did not come to its end
  bool pipelining_ = false;
  bool chunking_ = false;
  bool is_done_ = false;
};

}  // namespace mailpool::load
