#include "manager/state_database.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace mailpool::manager {
namespace {

constexpr auto prune_every = std::chrono::minutes(30);
constexpr auto stock_every = std::chrono::seconds(10);

WallTime wall_now() {
  return std::chrono::system_clock::now();
}

}  // namespace

StateDatabase::StateDatabase(std::string const& directory, Log& log,
                             std::chrono::milliseconds retry_after)
    : log_(log), retry_after_(retry_after), file_(directory) {
  figures_.file = file_.path();
  next_prune_ = Clock::now() + prune_every;
  auto opened = file_.open(wall_now());
  if (opened) opened = file_.prune(wall_now());
  note_result(opened, 0);
  for (auto const kind : state::kinds) loaded_[kind] = file_.load(kind, wall_now());
  take_stock();
  thread_ = std::thread([this] { work(); });
}

StateDatabase::~StateDatabase() {
  {
    std::lock_guard const lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::vector<state::Record> StateDatabase::take_loaded(state::Kind kind) {
  return std::exchange(loaded_[kind], {});
}

void StateDatabase::put(state::Kind kind, std::string key, std::string value, WallTime expires) {
  if (value.size() > state::longest_value) return;
  add({kind, std::move(key), std::move(value), expires});
}

void StateDatabase::erase(state::Kind kind, std::string key) {
  add({kind, std::move(key), std::nullopt, state::no_expiry});
}

void StateDatabase::add(StateChange change) {
  if (change.key.empty() || change.key.size() > state::longest_key) return;
  auto const due =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(longest_delay(change.kind));
  auto place = fmt::format("{}\t{}", static_cast<int>(change.kind), change.key);
  bool is_earlier = false;
  {
    std::lock_guard const lock(mutex_);
    auto const known = waiting_.find(place);
    if (known != waiting_.end()) {
      known->second = std::move(change);
    } else if (waiting_.size() + unwritten_size_ >= most_waiting) {
      ++figures_.dropped;
      return;
    } else {
      waiting_.emplace(std::move(place), std::move(change));
    }
    is_earlier = due < due_;
    if (is_earlier) due_ = due;
  }
  if (is_earlier) wake_.notify_one();
}

void StateDatabase::flush() {
  std::unique_lock lock(mutex_);
  auto const mine = ++flushes_wanted_;
  wake_.notify_one();
  is_flushed_.wait(lock, [&] { return flushes_done_ >= mine; });
}

StateFigures StateDatabase::figures() const {
  std::lock_guard const lock(mutex_);
  auto figures = figures_;
  figures.waiting = waiting_.size() + unwritten_size_;
  return figures;
}

void StateDatabase::work() {
  Changes unwritten;  // what failed, and what came after it in its place
  auto retry_at = is_failing_ ? Clock::now() + retry_after_ : Clock::time_point::max();
  while (true) {
    Changes fresh;
    std::uint64_t flushes = 0;
    bool is_last = false;
    {
      std::unique_lock lock(mutex_);
      auto const is_wanted = [&] { return stop_ || flushes_done_ < flushes_wanted_; };
      while (!is_wanted()) {
        // While the disk does not work, what is urgent waits for the next attempt too.
        auto const at = is_failing_ ? retry_at : due_;
        if (Clock::now() >= at) break;
        if (at == Clock::time_point::max()) {
          wake_.wait(lock);
        } else {
          wake_.wait_until(lock, at);
        }
      }
      fresh.swap(waiting_);
      due_ = Clock::time_point::max();
      flushes = flushes_wanted_;
      is_last = stop_;
      unwritten_size_ += fresh.size();
    }
    for (auto& [place, change] : fresh) unwritten.insert_or_assign(place, std::move(change));
    fresh.clear();
    if (!unwritten.empty() || is_failing_) write(unwritten);
    if (is_failing_) {
      retry_at = Clock::now() + retry_after_;
    } else {
      unwritten.clear();
    }
    std::lock_guard const lock(mutex_);
    unwritten_size_ = unwritten.size();
    flushes_done_ = flushes;
    is_flushed_.notify_all();
    if (is_last) return;
  }
}

void StateDatabase::write(Changes const& changes) {
  std::vector<StateChange> batch;
  batch.reserve(changes.size());
  for (auto const& [place, change] : changes) batch.push_back(change);
  auto const now = wall_now();
  auto result = file_.write(batch, now);
  if (result && Clock::now() >= next_prune_) {
    next_prune_ = Clock::now() + prune_every;
    if (auto pruned = file_.prune(now); !pruned) log_.warning("state: " + pruned.error().reason);
  }
  note_result(result, batch.size());
  if (Clock::now() >= next_stock_) take_stock();
}

void StateDatabase::note_result(Result<void> const& result, std::size_t written) {
  complain();
  renewals_.store(file_.renewals(), std::memory_order_relaxed);
  bool const was_failing = std::exchange(is_failing_, !result);
  if (!result && !was_failing)
    log_.error(
        fmt::format("state: {}: what should survive a restart is kept in memory only and "
                    "written as soon as that works again; mail flows",
                    result.error().reason));
  if (result && was_failing) log_.info(fmt::format("state: {} is written again", file_.path()));
  std::lock_guard const lock(mutex_);
  figures_.problem = result ? std::string() : result.error().reason;
  figures_.set_aside = file_.set_aside();
  if (!result || written == 0) return;
  figures_.written += written;
  figures_.last_written = wall_now();
}

void StateDatabase::complain() {
  for (auto const& complaint : file_.take_complaints()) log_.error("state: " + complaint);
}

void StateDatabase::take_stock() {
  next_stock_ = Clock::now() + stock_every;
  auto const octets = file_.octets();
  auto const records = file_.records();
  std::lock_guard const lock(mutex_);
  figures_.octets = octets;
  figures_.records = records;
}

}  // namespace mailpool::manager
