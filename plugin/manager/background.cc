#include "manager/background.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <system_error>

namespace mailpool::manager {

Background::Background(Loop& loop) : loop_(loop), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (wake_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  ready_event_ = loop_.make_event(wake_fd_, EV_READ | EV_PERSIST, &Background::on_ready, this);
  event_add(ready_event_.get(), nullptr);
}

Background::~Background() {
  if (thread_.joinable()) thread_.join();
  ready_event_.reset();
  ::close(wake_fd_);
}

void Background::run(std::function<void()> work, std::function<void()> done) {
  std::lock_guard const lock(mutex_);
  waiting_.push_back({std::move(work), std::move(done)});
  if (runs_) return;
  runs_ = true;
  if (thread_.joinable()) thread_.join();  // it has said that it is done
  thread_ = std::thread([this] { work_off(); });
}

void Background::work_off() {
  while (true) {
    Job job;
    {
      std::lock_guard const lock(mutex_);
      if (waiting_.empty()) {
        runs_ = false;
        return;
      }
      job = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
    }
    job.work();
    std::lock_guard const lock(mutex_);
    ready_.push_back(std::move(job));
    std::uint64_t const one = 1;
    (void)!::write(wake_fd_, &one, sizeof one);
  }
}

void Background::on_ready(evutil_socket_t fd, short, void* self) {
  std::uint64_t count = 0;
  (void)!::read(fd, &count, sizeof count);
  static_cast<Background*>(self)->finish_ready();
}

void Background::finish_ready() {
  std::vector<Job> ready;
  {
    std::lock_guard const lock(mutex_);
    ready.swap(ready_);
  }
  for (auto& job : ready) job.done();
  loop_.end_turn_soon();
}

}  // namespace mailpool::manager
