#pragma once
// One connection to the control socket: a request at a time, and its answer. Requests are
// lines of JSON (core/control) or the milter's frames (core/admission).

#include <memory>
#include <string>
#include <string_view>

#include "core/control/actions.h"
#include "core/control/request.h"
#include "manager/control_server.h"
#include "manager/loop.h"

namespace mailpool::manager {

/// reading -> (asking ->) answering -> reading ...; closed from anywhere. A closed client is
/// destroyed by the server's sweep, never inside a callback.
class ControlClient final : private control::ExplainListener, private control::ReloadListener {
 public:
  /// Owns `fd`.
  ControlClient(ControlServer& server, int fd, control::Requester who);
  ~ControlClient() override;
  ControlClient(ControlClient const&) = delete;
  ControlClient& operator=(ControlClient const&) = delete;

  [[nodiscard]] bool is_closed() const { return fd_ < 0; }
  [[nodiscard]] std::uint32_t uid() const { return who_.uid; }
  /// What could not go inside a callback goes now.
  void sweep();

 private:
  enum class State : std::uint8_t { Reading, Asking, Answering };

  static void on_socket(evutil_socket_t, short what, void* self);
  static void on_timer(evutil_socket_t, short, void* self);
  void on_explained(Result<control::Explanation> answer) override;
  void on_reloaded(control::ReloadReport const& report) override;

  void read();
  /// Whether something whole, or wrong, waits in input_.
  [[nodiscard]] bool has_request() const;
  void take_request();
  void take_line();
  void take_frame();
  void not_understood();
  void obey(std::string_view line);
  /// What is answered now or later. `ask` is given this client and returns what is under way.
  template <class Ask>
  void wait_for_answer(Ask&& ask);
  void note_unawaited();
  void answer(std::string line);
  void write();
  void enter(State state);
  void close();

  ControlServer& server_;
  int fd_;
  control::Requester who_;
  EventPtr read_event_;
  EventPtr write_event_;
  EventPtr timer_;
  State state_ = State::Reading;
  std::string input_;  // never more than longest_request
  std::string output_;
  std::size_t written_ = 0;
  std::unique_ptr<control::Pending> pending_;
  control::Command asked_{};      // what is pending, or was last
  bool pending_is_over_ = false;  // answered: to be dropped outside of its callback
  bool is_last_ = false;          // nothing is read after this answer
};

}  // namespace mailpool::manager
