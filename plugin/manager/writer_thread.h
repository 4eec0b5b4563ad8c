#pragma once
// A thread that writes what the loop gives it: no disk, and nobody who reads slowly, can hold up
// the loop. What is waiting to be written is bounded, and nothing waits for room.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace mailpool::manager {

template <class Item>
class WriterThread {
 public:
  /// On the thread, in order. True: it has more to do, and wants to be called again in a second,
  /// perhaps without items.
  using Write = std::function<bool(std::span<Item const>)>;

  WriterThread(std::size_t most_waiting, Write write)
      : most_waiting_(most_waiting), write_(std::move(write)), thread_([this] { work(); }) {}
  /// Writes what is waiting.
  ~WriterThread() {
    {
      std::lock_guard const lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  WriterThread(WriterThread const&) = delete;
  WriterThread& operator=(WriterThread const&) = delete;

  /// False: too much is waiting, and this is lost.
  bool push(Item item) {
    bool wake = false;
    {
      std::lock_guard const lock(mutex_);
      if (items_.size() >= most_waiting_) return false;
      items_.push_back(std::move(item));
      wake = std::exchange(is_asleep_, false);
    }
    if (wake) wake_.notify_one();
    return true;
  }
  /// On the thread, between what was pushed before and what is pushed after.
  void order(std::function<void()> what) {
    {
      std::lock_guard const lock(mutex_);
      orders_.push_back({items_.size(), std::move(what)});
      is_asleep_ = false;
    }
    wake_.notify_one();
  }

 private:
  // Waking a thread costs the loop more than an item does: what comes close together is written
  // together.
  static constexpr auto gathering = std::chrono::milliseconds(2);
  static constexpr auto called_again_after = std::chrono::seconds(1);

  struct Order {
    std::size_t after;  ///< so many items
    std::function<void()> what;
  };

  void work() {
    std::vector<Item> items;
    bool has_more = false;
    while (true) {
      std::vector<Order> orders;
      bool stop = false;
      {
        std::unique_lock lock(mutex_);
        wait(lock, has_more);
        items.swap(items_);
        orders.swap(orders_);
        stop = stop_;
      }
      std::span<Item const> rest = items;
      for (auto const& order : orders) {
        auto const before = order.after - (items.size() - rest.size());
        (void)write_(rest.first(before));
        rest = rest.subspan(before);
        order.what();
      }
      has_more = write_(rest);
      items.clear();
      if (stop) return;
    }
  }
  void wait(std::unique_lock<std::mutex>& lock, bool has_more) {
    auto const is_told = [this] { return stop_ || !orders_.empty(); };
    auto const has_work = [&] { return is_told() || !items_.empty(); };
    is_asleep_ = true;
    if (has_more)
      wake_.wait_for(lock, called_again_after, has_work);
    else
      wake_.wait(lock, has_work);
    is_asleep_ = false;
    if (!items_.empty()) wake_.wait_for(lock, gathering, is_told);
  }

  std::size_t const most_waiting_;
  Write const write_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Item> items_;
  std::vector<Order> orders_;
  bool stop_ = false;
  bool is_asleep_ = false;
  std::thread thread_;  // the last: it uses all of the others
};

}  // namespace mailpool::manager
