#pragma once
// Events in the journal, each key a field: MAILPOOL_SITE=google.

#include "manager/event_output.h"

namespace mailpool::manager {

class EventJournal final : public EventOutput {
 public:
  /// Both must outlive it.
  EventJournal(EventOutputState& state, Log& log) : state_(state), log_(log) {}

  void write(std::string const& line) override;
  bool flush() override { return false; }

 private:
  EventOutputState& state_;
  Log& log_;
};

}  // namespace mailpool::manager
