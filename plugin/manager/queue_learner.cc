#include "manager/queue_learner.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "posix/unix_socket.h"

namespace mailpool::manager {
namespace {

constexpr timeval longest_silence{60, 0};
// What was under way when this manager began is put by a little later.
constexpr Duration second_look_after = std::chrono::seconds(4);
// Calls that nobody followed, after which the queue is looked at: messages are removed by hand.
constexpr std::uint64_t many_in_vain = 3;
constexpr Duration rest_between = std::chrono::seconds(10);
constexpr Duration short_reading = std::chrono::seconds(3);

}  // namespace

class QueueLearner::Reading {
 public:
  Reading(QueueLearner& learner, std::uint8_t queue, std::string directory)
      : learner_(learner), queue_(queue), directory_(std::move(directory)) {}
  ~Reading() { close(); }
  Reading(Reading const&) = delete;
  Reading& operator=(Reading const&) = delete;

  void begin() {
    began_ = learner_.loop_.now();
    found_ = turned_away_ = 0;
    learner_.entries_.begin_count(queue_);
    learner_.known_[queue_].unheard = learner_.entries_.unheard;
    reader_.emplace([this](parking::QueuedRecipient const& one) { take(one); });
    auto const connected = posix::connect_unix(directory_ + "/public/showq");
    if (!connected)
      return end(connected.error() == ENAMETOOLONG ? "its path is too long"
                                                   : std::strerror(connected.error()));
    fd_ = *connected;
    event_ =
        learner_.loop_.make_event(fd_, EV_READ | EV_PERSIST | EV_TIMEOUT, &Reading::on_event, this);
    event_add(event_.get(), &longest_silence);
  }
  [[nodiscard]] std::uint8_t queue() const { return queue_; }
  [[nodiscard]] bool is_over() const { return is_over_; }

 private:
  static void on_event(evutil_socket_t fd, short what, void* self) {
    auto& reading = *static_cast<Reading*>(self);
    if (fd < 0) return reading.begin();
    (what & EV_READ) != 0 ? reading.read() : reading.end("it said nothing for 60s");
  }

  // One piece a turn: mail that is under way comes in between.
  void read() {
    std::array<char, 16'384> piece;
    auto const n = ::recv(fd_, piece.data(), piece.size(), 0);
    if (n < 0 && posix::would_block(errno)) return;
    if (n < 0) return end(std::strerror(errno));
    bool const is_list = reader_->feed({piece.data(), static_cast<std::size_t>(n)});
    learner_.loop_.end_turn_soon();
    if (!is_list) return end("what it says is no list of a queue");
    if (reader_->is_over()) return end({});
    // What was not told is no reason to take it for gone.
    if (n == 0) end("the list has no end");
  }

  void take(parking::QueuedRecipient const& one) {
    auto& entries = learner_.entries_;
    if (one.queue != "hold") entries.seen(one.queue_id, queue_);
    if (one.queue != "deferred") return;
    auto const why = parking::why_told(one.reason);
    if (!why || !parking::is_called_back(*why)) return;
    auto const now = learner_.loop_.now();
    auto const age = learner_.loop_.clock().wall(now) - WallTime(std::chrono::seconds(one.arrived));
    auto const before = entries.parked;
    bool const is_kept = learner_.dispatcher_.relearn(
        one.queue_id, queue_, std::string(one.recipient), *why,
        std::max<Duration>(std::chrono::duration_cast<Duration>(age), Duration::zero()), now);
    if (is_kept)
      found_ += entries.parked - before;
    else
      ++turned_away_;
  }

  void end(std::string const& trouble) {
    close();
    auto& log = learner_.log_;
    if (!trouble.empty())
      log.warning(
          fmt::format("what waits in {} is not known: public/showq: {}", directory_, trouble));
    else if (found_ + turned_away_ != 0)
      log.info(fmt::format("{} recipients that wait in {} are remembered{}", found_, directory_,
                           turned_away_ == 0
                               ? std::string()
                               : fmt::format(", {} are not ([lmtp] max_parked)", turned_away_)));
    auto const now = learner_.loop_.now();
    // A large queue takes its disk for long: that is not asked of it often.
    learner_.known_[queue_].next = now + std::max(rest_between, 20 * (now - began_));
    if (auto const gone = trouble.empty() ? learner_.entries_.end_count(queue_) : 0; gone != 0)
      log.info(fmt::format("{} messages that wait no more in {} are forgotten", gone, directory_));
    if (trouble.empty() && !looks_again_ && now - began_ < short_reading) {
      looks_again_ = true;
      event_ = learner_.loop_.make_event(-1, EV_TIMEOUT, &Reading::on_event, this);
      return Loop::arm(event_.get(), second_look_after);
    }
    is_over_ = true;
  }
  void close() {
    event_.reset();
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  QueueLearner& learner_;
  std::uint8_t queue_;
  std::string directory_;
  std::optional<parking::QueueListReader> reader_;
  int fd_ = -1;
  EventPtr event_;
  TimePoint began_{};
  std::size_t found_ = 0;
  std::size_t turned_away_ = 0;
  bool looks_again_ = false;
  bool is_over_ = false;
};

QueueLearner::QueueLearner(Loop& loop, delivery::Dispatcher& dispatcher, parking::Register& entries,
                           Log& log)
    : loop_(loop), dispatcher_(dispatcher), entries_(entries), log_(log) {}

QueueLearner::~QueueLearner() = default;

void QueueLearner::learn(std::uint8_t queue, std::string const& directory) {
  bool const is_read = std::any_of(readings_.begin(), readings_.end(), [&](auto const& reading) {
    return reading->queue() == queue && !reading->is_over();
  });
  if (is_read) return;
  readings_.push_back(std::make_unique<Reading>(*this, queue, directory));
  readings_.back()->begin();
}

void QueueLearner::beat(std::uint8_t queue, std::string const& directory) {
  auto const& known = known_[queue];
  if (entries_.unheard < known.unheard + many_in_vain || loop_.now() < known.next) return;
  learn(queue, directory);
}

void QueueLearner::sweep() {
  std::erase_if(readings_, [](auto const& reading) { return reading->is_over(); });
}

}  // namespace mailpool::manager
