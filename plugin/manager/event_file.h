#pragma once
// Events in a file, that others may move away at any time (logrotate).

#include <memory>

#include "core/events/line_buffer.h"
#include "manager/event_output.h"

namespace mailpool::manager {

class EventFile final : public EventOutput {
 public:
  /// The place is the file's path; it is opened with the first event. Both must outlive it.
  EventFile(EventOutputState& state, Log& log);
  ~EventFile() override;  ///< tries once to write what is left
  EventFile(EventFile const&) = delete;
  EventFile& operator=(EventFile const&) = delete;

  void write(std::string const& line) override;
  bool flush() override;
  void reopen() override;

 private:
  bool open();
  void close();

  EventOutputState& state_;
  Log& log_;
  events::LineBuffer lines_;
  int fd_ = -1;
};

}  // namespace mailpool::manager
