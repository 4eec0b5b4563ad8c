#pragma once
// Asks Postfix to try messages that wait in its queue: by its service flush, one small request a
// connection, never waiting for it. What cannot be asked is said once, and looked at again.

#include <deque>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/log.h"
#include "core/parking/parking.h"
#include "manager/loop.h"

namespace mailpool::manager {

/// How it stands with one queue directory, in words; empty `trouble`: it works.
struct WakeState {
  std::string directory;
  std::string trouble;
  bool is_known = false;  ///< it was tried
  [[nodiscard]] bool works() const { return is_known && trouble.empty(); }
};

class Waker {
 public:
  /// References must outlive it.
  Waker(Loop& loop, parking::Parking& parking, Log& log);
  ~Waker();

  /// The queue directories, in the order of their numbers; once.
  void set_directories(std::vector<std::string> directories);
  /// False: nothing is woken, and that is as it should be.
  void set_wanted(bool is_wanted);
  /// Takes what is to be woken off Parking::calls. Call at the end of each turn.
  void run(TimePoint now);
  /// Looks again at what could not be asked; call once a second.
  void beat(TimePoint now);
  /// Since the last call some queue can be asked that could not be.
  [[nodiscard]] bool take_change() { return std::exchange(has_changed_, false); }
  [[nodiscard]] std::vector<WakeState> states() const;

 private:
  class Request;
  struct Queue : WakeState {
    std::string said;  ///< of its trouble, to the log
    bool has_worked = false;
    TimePoint next_try{};
    std::deque<std::string> pending;  ///< queue ids
    std::list<std::unique_ptr<Request>> open;
  };

  void ask(std::size_t queue, TimePoint now);
  void answered(std::size_t queue, Request const& request, TimePoint now);
  void failed(std::size_t queue, std::string why, TimePoint now);
  static void on_sweep(evutil_socket_t, short, void* self);

  Loop& loop_;
  parking::Parking& parking_;
  Log& log_;
  TimePoint began_;
  std::deque<Queue> queues_;  // never moved: requests are of one
  std::vector<std::unique_ptr<Request>> buried_;
  EventPtr sweep_event_;
  bool is_wanted_ = true;
  bool has_changed_ = false;
};

}  // namespace mailpool::manager
