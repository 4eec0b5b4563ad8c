#pragma once
// Asks mailpoold over a few connections that all sessions share, remembers what may be remembered,
// and says in the log when mailpoold goes away and when it is back.

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/config/milter_settings.h"
#include "milter/answer_cache.h"
#include "milter/gate.h"
#include "milter/manager_link.h"

namespace mailpool::milter {

class ManagerGate final : public Gate {
 public:
  /// The log must outlive the gate.
  ManagerGate(MilterSettings const& settings, std::string socket, Log& log);

  Admission ask(std::string const& domain, std::string const& tenant,
                std::uint16_t recipients) override;

 private:
  using Clock = std::chrono::steady_clock;

  Result<admission::Answer> ask_manager(admission::Question question);
  std::unique_ptr<ManagerLink> take_link(Deadline deadline);
  void give_back(std::unique_ptr<ManagerLink> link);
  bool is_worth_asking();
  void note_answered();
  Admission note_failure(std::string const& reason);

  MilterSettings const settings_;
  std::string const socket_;
  Log& log_;
  AnswerCache cache_;

  std::mutex links_mutex_;
  std::condition_variable link_is_free_;
  std::vector<std::unique_ptr<ManagerLink>> idle_;
  std::size_t links_ = 0;
  std::uint16_t last_id_ = 0;

  std::mutex health_mutex_;
  unsigned failures_ = 0;      ///< one after the other
  std::uint64_t unasked_ = 0;  ///< recipients, since it is down
  bool is_down_ = false;
  Clock::time_point ask_again_{};  ///< while it is down
};

}  // namespace mailpool::milter
