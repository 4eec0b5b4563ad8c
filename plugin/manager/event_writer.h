#pragma once
// Where events go: to each output of [events], by a thread of its own. The loop never waits for
// it; what cannot be kept is dropped and counted.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/config/events_settings.h"
#include "core/events/recorder.h"
#include "manager/event_output.h"
#include "manager/writer_thread.h"

namespace mailpool::manager {

class EventWriter final : public events::Sink {
 public:
  /// The log must outlive it.
  explicit EventWriter(Log& log);

  // events::Sink
  [[nodiscard]] bool is_wanted() const override { return !states_.empty(); }
  void write(std::string line) override;

  /// Outputs that stay the same go on; no file is touched before the thread does.
  void reconfigure(EventsSettings const& settings);
  /// What others may have moved away is opened again.
  void reopen();
  /// Of the outputs that there are.
  [[nodiscard]] std::vector<std::shared_ptr<EventOutputState const>> outputs() const;

 private:
  struct Output {
    std::shared_ptr<EventOutputState> state;
    std::unique_ptr<EventOutput> output;
  };
  using States = std::vector<std::shared_ptr<EventOutputState>>;

  // On the thread.
  bool write_batch(std::span<std::string const> lines);
  void use(States const& states);
  [[nodiscard]] std::unique_ptr<EventOutput> make(EventOutputState& state);

  Log& log_;
  States states_;                ///< the loop's
  std::vector<Output> outputs_;  ///< the thread's
  WriterThread<std::string> thread_;
};

}  // namespace mailpool::manager
