#pragma once
// What waits in Postfix's queue for us is learned from Postfix itself: by its service showq, as
// `postqueue` lists it, a piece at a time between other work.

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
  QueueLearner(Loop& loop, delivery::Dispatcher& dispatcher, Log& log);
  ~QueueLearner();

  /// Begins to read a queue, unless that is under way.
  void learn(std::uint8_t queue, std::string const& directory);
  void sweep();

 private:
  class Reading;
  Loop& loop_;
  delivery::Dispatcher& dispatcher_;
  Log& log_;
  std::vector<std::unique_ptr<Reading>> readings_;
};

}  // namespace mailpool::manager
