#include "manager/waker.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/text.h"
#include "core/parking/flush_protocol.h"
#include "posix/unix_socket.h"

namespace mailpool::manager {
namespace {

constexpr std::size_t most_open = 8;
constexpr std::size_t most_pending = 10'000;
constexpr Duration longest_answer = std::chrono::seconds(10);
constexpr Duration try_again_after = std::chrono::seconds(5);
constexpr Duration grace = std::chrono::seconds(30);
constexpr Duration rest_when_busy = std::chrono::milliseconds(20);
// No message has it: what is asked with it is whether the service answers.
constexpr auto nobodys_id = "000000";

}  // namespace

/// One connection: a request out, an answer in.
class Waker::Request {
 public:
  Request(Waker& waker, std::size_t queue, std::string id)
      : waker_(waker), queue_(queue), id_(std::move(id)) {}
  ~Request() { close(); }
  Request(Request const&) = delete;
  Request& operator=(Request const&) = delete;

  /// 0, or why it could not begin.
  int begin(std::string const& path) {
    auto const connected = posix::connect_unix(path);
    if (!connected) return connected.error();
    fd_ = *connected;
    auto const request = parking::wake_request(id_);
    // An empty socket buffer takes so little at once.
    if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size()))
      return errno == 0 ? EIO : errno;
    read_event_ =
        waker_.loop_.make_event(fd_, EV_READ | EV_PERSIST | EV_TIMEOUT, &Request::on_event, this);
    timeval const wait{std::chrono::duration_cast<std::chrono::seconds>(longest_answer).count(), 0};
    event_add(read_event_.get(), &wait);
    return 0;
  }
  void close() {
    read_event_.reset();
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] std::string const& id() const { return id_; }
  [[nodiscard]] bool is_over() const { return fd_ < 0; }

 private:
  static void on_event(evutil_socket_t, short what, void* self) {
    auto& request = *static_cast<Request*>(self);
    (what & EV_READ) != 0 ? request.read() : request.fail("no answer within 10s");
  }

  void read() {
    std::array<char, 1024> piece;
    auto const n = ::recv(fd_, piece.data(), piece.size(), 0);
    if (n < 0 && posix::would_block(errno)) return;
    if (n < 0) return fail(std::strerror(errno));
    if (n == 0) return fail("closed the connection without an answer");
    heard_.append(piece.data(), static_cast<std::size_t>(n));
    switch (parking::read_wake_answer(heard_)) {
      case parking::WakeAnswer::Incomplete:
        return;
      case parking::WakeAnswer::Done:
      case parking::WakeAnswer::Refused:
        close();
        return waker_.answered(queue_, *this, waker_.loop_.now());
      case parking::WakeAnswer::Garbage:
        return fail(fmt::format("an answer of no flush service: \"{}\"", printable(heard_, 80)));
    }
  }
  void fail(std::string why) {
    close();
    waker_.failed(queue_, std::move(why), waker_.loop_.now());
  }

  Waker& waker_;
  std::size_t queue_;
  std::string id_;
  int fd_ = -1;
  EventPtr read_event_;
  std::string heard_;
};

Waker::Waker(Loop& loop, parking::Parking& parking, Log& log)
    : loop_(loop),
      parking_(parking),
      log_(log),
      began_(loop.now()),
      sweep_event_(loop.make_event(-1, 0, &Waker::on_sweep, this)) {}

Waker::~Waker() = default;

void Waker::set_directories(std::vector<std::string> directories) {
  for (auto& directory : directories) {
    queues_.emplace_back();
    queues_.back().directory = std::move(directory);
  }
  for (std::size_t queue = 0; queue < queues_.size(); ++queue)
    parking_.set_wakeable(static_cast<std::uint8_t>(queue), false);
}

void Waker::set_wanted(bool is_wanted) {
  is_wanted_ = is_wanted;
  for (std::size_t queue = 0; queue < queues_.size(); ++queue)
    parking_.set_wakeable(static_cast<std::uint8_t>(queue), is_wanted && queues_[queue].works());
}

void Waker::run(TimePoint now) {
  for (auto& call : std::exchange(parking_.calls, {})) {
    bool const is_for_all = call.queue == parking::any_queue;
    for (std::size_t queue = 0; queue < queues_.size(); ++queue) {
      if (!is_for_all && queue != call.queue) continue;
      auto& q = queues_[queue];
      if (!is_wanted_ || !q.trouble.empty() || q.pending.size() >= most_pending)
        parking_.entries.put_back(call.queue_id, now);
      else
        q.pending.push_back(call.queue_id);
    }
  }
  for (std::size_t queue = 0; queue < queues_.size(); ++queue)
    if (!queues_[queue].pending.empty()) ask(queue, now);
}

void Waker::beat(TimePoint now) {
  if (!is_wanted_) return;
  for (std::size_t queue = 0; queue < queues_.size(); ++queue) {
    auto& q = queues_[queue];
    if (!q.works() && q.open.empty() && now >= q.next_try) {
      q.next_try = after(now, try_again_after);
      q.pending.push_front(nobodys_id);
    }
    if (!q.pending.empty()) ask(queue, now);
  }
}

void Waker::ask(std::size_t queue, TimePoint now) {
  auto& q = queues_[queue];
  while (!q.pending.empty() && q.open.size() < most_open) {
    auto request = std::make_unique<Request>(*this, queue, q.pending.front());
    int const trouble = request->begin(q.directory + "/public/flush");
    if (trouble == EAGAIN) {
      // Its queue of connections is full: when one of ours has ended, or a little later.
      if (q.open.empty()) {
        event_del(sweep_event_.get());
        Loop::arm(sweep_event_.get(), rest_when_busy);
      }
      return;
    }
    if (trouble != 0) return failed(queue, std::strerror(trouble), now);
    q.pending.pop_front();
    q.open.push_back(std::move(request));
  }
}

void Waker::answered(std::size_t queue, Request const& request, TimePoint now) {
  auto& q = queues_[queue];
  if (!q.works()) {
    log_.info(fmt::format("mail that waits in {} is woken when there is room for it", q.directory));
    q.trouble.clear();
    q.said.clear();
    q.is_known = q.has_worked = true;
    has_changed_ = true;
    parking_.set_wakeable(static_cast<std::uint8_t>(queue), is_wanted_);
  }
  auto const at = std::find_if(q.open.begin(), q.open.end(),
                               [&](auto const& open) { return open.get() == &request; });
  buried_.push_back(std::move(*at));
  q.open.erase(at);
  event_active(sweep_event_.get(), EV_TIMEOUT, 0);
  loop_.end_turn_soon();
  ask(queue, now);
}

void Waker::failed(std::size_t queue, std::string why, TimePoint now) {
  auto& q = queues_[queue];
  auto words = fmt::format("{}/public/flush: {}", q.directory, why);
  // At a machine's start the MTA comes a little later than we do.
  bool const is_early = !q.has_worked && now < after(began_, grace);
  if (!is_early && words != std::exchange(q.said, words))
    log_.warning(fmt::format(
        "{}: mail that waits in the queue comes by Postfix's own clock, not when there is room",
        words));
  q.trouble = std::move(words);
  q.is_known = !is_early;
  q.next_try = after(now, try_again_after);
  parking_.set_wakeable(static_cast<std::uint8_t>(queue), false);
  for (auto const& id : std::exchange(q.pending, {})) parking_.entries.put_back(id, now);
  for (auto& request : q.open) {
    parking_.entries.put_back(request->id(), now);
    request->close();
    buried_.push_back(std::move(request));
  }
  q.open.clear();
  event_active(sweep_event_.get(), EV_TIMEOUT, 0);
  loop_.end_turn_soon();
}

void Waker::on_sweep(evutil_socket_t, short, void* self) {
  auto& waker = *static_cast<Waker*>(self);
  waker.buried_.clear();
  waker.loop_.end_turn_soon();
}

std::vector<WakeState> Waker::states() const {
  return {queues_.begin(), queues_.end()};
}

}  // namespace mailpool::manager
