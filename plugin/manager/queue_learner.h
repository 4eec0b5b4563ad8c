#pragma once
// What waits in Postfix's queue for us is learned from Postfix itself: by its service showq, as
// `postqueue` lists it, a piece at a time between other work.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/delivery/dispatcher.h"
#include "core/parking/queue_list.h"
#include "manager/loop.h"

namespace mailpool::manager {

class QueueLearner {
 public:
  /// References must outlive it.
  QueueLearner(Loop& loop, delivery::Dispatcher& dispatcher, parking::Register& entries, Log& log);
  ~QueueLearner();

  /// Begins to read a queue, unless that is under way.
  void learn(std::uint8_t queue, std::string const& directory);
  /// Reads a queue anew where messages were woken in vain: they may be gone. Call once a second.
  void beat(std::uint8_t queue, std::string const& directory);
  void sweep();

 private:
  class Reading;
  struct Known {
    std::uint64_t unheard = 0;  ///< of the register, when it was last read
    TimePoint next{};           ///< not read again before
  };
  Loop& loop_;
  delivery::Dispatcher& dispatcher_;
  parking::Register& entries_;
  Log& log_;
  std::map<std::uint8_t, Known> known_;  ///< by queue
  std::vector<std::unique_ptr<Reading>> readings_;
};

}  // namespace mailpool::manager
