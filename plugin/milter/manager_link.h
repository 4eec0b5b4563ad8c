#pragma once
// One connection to mailpoold's control socket: a question and its answer at a time, each within a
// deadline.

#include <chrono>
#include <string>

#include "core/admission/protocol.h"

namespace mailpool::milter {

using Deadline = std::chrono::steady_clock::time_point;

/// Not for two threads at once. After a failure it is closed, and no answer can come late.
class ManagerLink {
 public:
  ManagerLink() = default;
  ~ManagerLink() { close(); }
  ManagerLink(ManagerLink const&) = delete;
  ManagerLink& operator=(ManagerLink const&) = delete;

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  Result<void> connect(std::string const& path, Deadline deadline);
  /// An error is in words for the log.
  Result<admission::Answer> ask(admission::Question const& question, Deadline deadline);
  void close();

 private:
  [[nodiscard]] bool wait_for(short what, Deadline deadline) const;
  Result<void> write(std::string_view octets, Deadline deadline);
  Result<std::string> read_frame(Deadline deadline);

  int fd_ = -1;
};

}  // namespace mailpool::milter
