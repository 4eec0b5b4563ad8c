#pragma once
// The one place where delivery tells what happened. Without a sink that wants it, nothing is made.

#include <string>
#include <utility>

#include "core/events/event.h"

namespace mailpool::events {

/// Takes lines; never makes the caller wait.
class Sink {
 public:
  virtual ~Sink() = default;
  [[nodiscard]] virtual bool is_wanted() const = 0;
  virtual void write(std::string line) = 0;
};

class Recorder {
 public:
  /// Null for none; it must outlive the recorder.
  void set_sink(Sink* sink) { sink_ = sink; }
  void set_form(Form form) { form_ = std::move(form); }

  /// Ask before an event's parts are gathered.
  [[nodiscard]] bool is_on() const { return sink_ != nullptr && sink_->is_wanted(); }

  void tell(OutcomeEvent const& event, WallTime at) {
    if (is_on()) sink_->write(line_of(event, form_, at));
  }
  template <class Event>
  void tell(Event const& event, WallTime at) {
    if (is_on()) sink_->write(line_of(event, at));
  }
  template <class Event>
  void tell(Kind kind, Event const& event, WallTime at) {
    if (is_on()) sink_->write(line_of(kind, event, at));
  }

 private:
  Sink* sink_ = nullptr;
  Form form_;
};

}  // namespace mailpool::events
