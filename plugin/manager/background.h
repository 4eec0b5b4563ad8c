#pragma once
// Work that may block (files, name services), done by a thread of its own; its end is handled on
// the loop.

#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "manager/loop.h"

namespace mailpool::manager {

class Background {
 public:
  explicit Background(Loop& loop);
  ~Background();  ///< waits for what runs; its end is not handled any more

  /// `work` runs in a thread, then `done` on the loop. One at a time, in order.
  void run(std::function<void()> work, std::function<void()> done);

 private:
  struct Job {
    std::function<void()> work;
    std::function<void()> done;
  };
  static void on_ready(evutil_socket_t fd, short, void* self);
  void work_off();
  void finish_ready();

  Loop& loop_;
  int wake_fd_;
  EventPtr ready_event_;
  std::mutex mutex_;
  std::vector<Job> waiting_;
  std::vector<Job> ready_;
  bool runs_ = false;
  std::thread thread_;
};

}  // namespace mailpool::manager
