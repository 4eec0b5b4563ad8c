#pragma once
// Events to a collector that listens on a Unix socket, a line each.

#include <chrono>

#include "core/events/line_buffer.h"
#include "manager/event_output.h"

namespace mailpool::manager {

class EventSocket final : public EventOutput {
 public:
  /// The place is the socket's path. Both must outlive it.
  EventSocket(EventOutputState& state, Log& log);
  ~EventSocket() override;
  EventSocket(EventSocket const&) = delete;
  EventSocket& operator=(EventSocket const&) = delete;

  void write(std::string const& line) override;
  bool flush() override;

 private:
  using Clock = std::chrono::steady_clock;

  bool connect();
  void close(int error);
  bool waits_for_room();

  EventOutputState& state_;
  Log& log_;
  events::LineBuffer lines_;
  int fd_ = -1;
  Clock::time_point next_try_{};
  Clock::time_point patient_again_{};  ///< with a collector that does not read
};

}  // namespace mailpool::manager
