#pragma once
// A limit on how many at once; one unit of it is a permit that is given back when dropped. Who
// finds no room can stand in line and is told when there is some; those who have nothing at all
// come first.

#include <cassert>
#include <cstdint>
#include <list>
#include <optional>
#include <utility>
#include <vector>

namespace mailpool::site {

class ConcurrencyLimit;
class RoomWaiter;

/// One unit of a limit, held.
class Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept
      : limit_(std::exchange(other.limit_, nullptr)),
        is_leaving_(std::exchange(other.is_leaving_, false)) {}
  Permit& operator=(Permit&& other) noexcept {
    if (this != &other) {
      give_back();
      limit_ = std::exchange(other.limit_, nullptr);
      is_leaving_ = std::exchange(other.is_leaving_, false);
    }
    return *this;
  }
  ~Permit() { give_back(); }
  inline void give_back();
  /// It will be given back soon, so that nobody else need give up his.
  inline void announce();
  explicit operator bool() const { return limit_ != nullptr; }
  /// Null: of no limit.
  [[nodiscard]] ConcurrencyLimit const* limit() const { return limit_; }

 private:
  friend class ConcurrencyLimit;
  explicit Permit(ConcurrencyLimit& limit) : limit_(&limit) {}
  ConcurrencyLimit* limit_ = nullptr;
  bool is_leaving_ = false;
};

/// Who waits for room under limits that it shares with others. Leaves every line when it goes.
class RoomWaiter {
 public:
  RoomWaiter() = default;
  virtual ~RoomWaiter();
  RoomWaiter(RoomWaiter const&) = delete;
  RoomWaiter& operator=(RoomWaiter const&) = delete;

  /// There is room under `limit`, and this one was first in line; it left the line. Whoever does
  /// not use the room passes it on (ConcurrencyLimit::pass_on), now or later. Nothing is taken in
  /// here.
  virtual void on_room(ConcurrencyLimit& limit) = 0;

 protected:
  /// To be called by a destructor whose members may still give back permits.
  void leave_lines();

 private:
  friend class ConcurrencyLimit;
  std::vector<ConcurrencyLimit*> lines_;
};

/// Must outlive its permits and the lines' waiters.
class ConcurrencyLimit {
 public:
  explicit ConcurrencyLimit(std::optional<std::uint32_t> most = std::nullopt) : most_(most) {}
  ~ConcurrencyLimit();
  ConcurrencyLimit(ConcurrencyLimit const&) = delete;
  ConcurrencyLimit& operator=(ConcurrencyLimit const&) = delete;

  [[nodiscard]] bool has_room() const { return !most_ || in_use_ < *most_; }
  /// It was lowered below what is in use.
  [[nodiscard]] bool is_exceeded() const { return most_ && in_use_ > *most_; }
  /// Only when has_room().
  [[nodiscard]] Permit take() {
    assert(has_room() && "a permit is taken only where there is room");
    ++in_use_;
    return Permit(*this);
  }
  /// Of one that is in use already, whatever room there is.
  [[nodiscard]] Permit count_one() {
    ++in_use_;
    return Permit(*this);
  }
  /// Lowering it takes nothing away; the excess drains.
  void reconfigure(std::optional<std::uint32_t> most) { most_ = most; }
  [[nodiscard]] std::uint32_t in_use() const { return in_use_; }
  [[nodiscard]] std::optional<std::uint32_t> most() const { return most_; }

  /// At the end of the line, unless it stands there already; `is_needy`: of those who have nothing.
  void stand_in_line(RoomWaiter& waiter, bool is_needy = false);
  [[nodiscard]] std::size_t waiters() const { return needy_.size() + others_.size(); }
  /// Whether somebody else than `who` waits for more than what is announced to come back.
  [[nodiscard]] bool is_wanted_by_others(RoomWaiter const& who, bool needy_alone) const;
  /// Tells the first in line while there is room: one of them, who passes it on in turn.
  void pass_on();

 private:
  friend class Permit;
  friend class RoomWaiter;
  void give_back() {
    --in_use_;
    pass_on();
  }

  std::optional<std::uint32_t> most_;
  std::uint32_t in_use_ = 0;
  std::uint32_t leaving_ = 0;  ///< of these, announced
  std::list<RoomWaiter*> needy_;
  std::list<RoomWaiter*> others_;
};

inline void Permit::give_back() {
  auto* const limit = std::exchange(limit_, nullptr);
  if (limit == nullptr) return;
  if (std::exchange(is_leaving_, false)) --limit->leaving_;
  limit->give_back();
}

inline void Permit::announce() {
  if (limit_ != nullptr && !std::exchange(is_leaving_, true)) ++limit_->leaving_;
}

}  // namespace mailpool::site
