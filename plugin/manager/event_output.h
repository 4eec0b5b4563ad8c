#pragma once
// One place where events are told: a file, a collector.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "core/base/log.h"

namespace mailpool::manager {

/// How telling goes; the writer's thread writes it, the loop reads it.
class EventOutputState {
 public:
  EventOutputState(std::string the_kind, std::string the_place)
      : kind(std::move(the_kind)), place(std::move(the_place)) {}

  std::string const kind;   ///< "file": the option's name
  std::string const place;  ///< its value
  std::atomic<std::uint64_t> written{0};
  std::atomic<std::uint64_t> dropped{0};

  /// Why nothing can be told now; "" while all is well.
  [[nodiscard]] std::string problem() const {
    std::lock_guard const lock(mutex_);
    return problem_;
  }
  /// Said in the log when it begins and when it is over, however often it is tried.
  void set_problem(std::string problem, Log& log);

 private:
  std::mutex mutable mutex_;
  std::string problem_;
};

/// Used by the writer's thread alone, which may wait for it.
class EventOutput {
 public:
  virtual ~EventOutput() = default;
  virtual void write(std::string const& line) = 0;
  /// As much as goes out now. True: there is more, to be tried again soon.
  virtual bool flush() = 0;
  virtual void reopen() {}
};

}  // namespace mailpool::manager
