#include "manager/event_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "manager/event_file.h"
#include "manager/event_journal.h"
#include "manager/event_socket.h"

namespace mailpool::manager {
namespace {

// Some 30 MB of lines.
constexpr std::size_t most_waiting = 50'000;

}  // namespace

void EventOutputState::set_problem(std::string problem, Log& log) {
  {
    std::lock_guard const lock(mutex_);
    if (problem == problem_) return;
    problem_ = problem;
  }
  if (!problem.empty())
    log.error(fmt::format("[events] {}: {}: {}", kind, place, problem));
  else
    log.info(fmt::format("[events] {}: {} takes events again; {} were dropped since the start",
                         kind, place, dropped.load()));
}

EventWriter::EventWriter(Log& log)
    : log_(log), thread_(most_waiting, [this](auto const& lines) { return write_batch(lines); }) {}

void EventWriter::write(std::string line) {
  if (thread_.push(std::move(line))) return;
  for (auto const& state : states_) ++state->dropped;
}

void EventWriter::reconfigure(EventsSettings const& settings) {
  States wanted;
  auto want = [&](char const* kind, std::string const& place) {
    if (place.empty()) return;
    auto const known = std::find_if(states_.begin(), states_.end(), [&](auto const& state) {
      return state->kind == kind && state->place == place;
    });
    wanted.push_back(known != states_.end() ? *known
                                            : std::make_shared<EventOutputState>(kind, place));
  };
  want("file", settings.file);
  want("socket", settings.socket);
  want("journal", settings.journal ? "journal" : "");
  states_ = wanted;
  thread_.order([this, wanted] { use(wanted); });
}

void EventWriter::reopen() {
  thread_.order([this] {
    for (auto const& output : outputs_) output.output->reopen();
  });
}

std::vector<std::shared_ptr<EventOutputState const>> EventWriter::outputs() const {
  return {states_.begin(), states_.end()};
}

bool EventWriter::write_batch(std::span<std::string const> lines) {
  bool has_more = false;
  for (auto const& output : outputs_) {
    for (auto const& line : lines) output.output->write(line);
    has_more = output.output->flush() || has_more;
  }
  return has_more;
}

void EventWriter::use(States const& states) {
  std::vector<Output> next;
  for (auto const& state : states) {
    auto const known = std::find_if(outputs_.begin(), outputs_.end(),
                                    [&](auto const& output) { return output.state == state; });
    if (known != outputs_.end())
      next.push_back(std::move(*known));
    else
      next.push_back({state, make(*state)});
  }
  // What is not wanted any more writes its last lines.
  outputs_ = std::move(next);
}

std::unique_ptr<EventOutput> EventWriter::make(EventOutputState& state) {
  if (state.kind == "socket") return std::make_unique<EventSocket>(state, log_);
  if (state.kind == "journal") return std::make_unique<EventJournal>(state, log_);
  return std::make_unique<EventFile>(state, log_);
}

}  // namespace mailpool::manager
