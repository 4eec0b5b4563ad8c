#include "milter/manager_gate.h"

#include <fmt/format.h>

#include <utility>

namespace mailpool::milter {
namespace {

// mailpoold works in one thread: more questions at once would only wait there instead of here.
constexpr std::size_t most_links = 8;
// One answer that is late is the scheduler's doing, several are mailpoold's.
constexpr unsigned failures_until_down = 3;
constexpr auto rest_while_down = std::chrono::milliseconds(500);

}  // namespace

ManagerGate::ManagerGate(MilterSettings const& settings, std::string socket, Log& log)
    : settings_(settings), socket_(std::move(socket)), log_(log), cache_(settings.cache) {}

Admission ManagerGate::ask(std::string const& domain, std::string const& tenant,
                           std::uint16_t recipients) {
  if (domain.size() > admission::longest_domain || tenant.size() > admission::longest_tenant)
    return {};
  auto const to_admission = [](admission::Answer const& answer) {
    return Admission{answer.verdict != admission::Verdict::Room, answer.text};
  };
  if (auto const known = cache_.find(domain, tenant, Clock::now())) return to_admission(*known);
  if (!is_worth_asking()) return note_failure({});
  auto const answer = ask_manager({0, recipients, domain, tenant});
  if (!answer) return note_failure(answer.error().reason);
  note_answered();
  cache_.remember(domain, tenant, *answer, Clock::now());
  return to_admission(*answer);
}

Result<admission::Answer> ManagerGate::ask_manager(admission::Question question) {
  auto const deadline = Clock::now() + settings_.deadline;
  auto link = take_link(deadline);
  if (!link) return failed("mailpoold did not answer others within [milter] deadline");
  bool const was_open = link->is_open();
  {
    std::lock_guard const lock(links_mutex_);
    question.id = ++last_id_;
  }
  Result<admission::Answer> answer = failed("");
  if (was_open) answer = link->ask(question, deadline);
  // A link that mailpoold closed while it was idle (a restart) says nothing about mailpoold now.
  if (!answer && Clock::now() < deadline) {
    auto const connected = link->connect(socket_, deadline);
    answer = connected ? link->ask(question, deadline) : failed(connected.error().reason);
  }
  give_back(std::move(link));
  return answer;
}

std::unique_ptr<ManagerLink> ManagerGate::take_link(Deadline deadline) {
  std::unique_lock lock(links_mutex_);
  auto const is_there = [this] { return !idle_.empty() || links_ < most_links; };
  if (!link_is_free_.wait_until(lock, deadline, is_there)) return nullptr;
  if (idle_.empty()) {
    ++links_;
    return std::make_unique<ManagerLink>();
  }
  auto link = std::move(idle_.back());
  idle_.pop_back();
  return link;
}

void ManagerGate::give_back(std::unique_ptr<ManagerLink> link) {
  std::lock_guard const lock(links_mutex_);
  idle_.push_back(std::move(link));
  link_is_free_.notify_one();
}

bool ManagerGate::is_worth_asking() {
  std::lock_guard const lock(health_mutex_);
  if (!is_down_ || Clock::now() >= ask_again_) {
    // Only one session finds out; the others do not wait for a manager that hangs.
    ask_again_ = Clock::now() + rest_while_down;
    return true;
  }
  return false;
}

void ManagerGate::note_answered() {
  std::lock_guard const lock(health_mutex_);
  failures_ = 0;
  if (!std::exchange(is_down_, false)) return;
  log_.info(fmt::format(
      "mailpoold answers again: {} recipients were {} meanwhile", std::exchange(unasked_, 0),
      settings_.on_manager_down == MilterReply::Accept ? "accepted unasked" : "deferred"));
}

Admission ManagerGate::note_failure(std::string const& reason) {
  {
    std::lock_guard const lock(health_mutex_);
    ++unasked_;
    if (!is_down_ && ++failures_ >= failures_until_down) {
      is_down_ = true;
      log_.warning(fmt::format(
          "{}; recipients are {} until it answers ([milter] on_manager_down)", reason,
          settings_.on_manager_down == MilterReply::Accept ? "accepted unasked" : "deferred"));
    }
  }
  if (settings_.on_manager_down == MilterReply::Accept) return {};
  return {true, "mailpool: the manager does not answer (on_manager_down)"};
}

}  // namespace mailpool::milter
