#pragma once
// A limit on how many at once; one unit of it is a permit that is given back when dropped.

#include <cassert>
#include <cstdint>
#include <optional>
#include <utility>

namespace mailpool::site {

class ConcurrencyLimit;

/// One unit of a limit, held.
class Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept : limit_(std::exchange(other.limit_, nullptr)) {}
  Permit& operator=(Permit&& other) noexcept {
    if (this != &other) {
      give_back();
      limit_ = std::exchange(other.limit_, nullptr);
    }
    return *this;
  }
  ~Permit() { give_back(); }
  inline void give_back();
  explicit operator bool() const { return limit_ != nullptr; }

 private:
  friend class ConcurrencyLimit;
  explicit Permit(ConcurrencyLimit& limit) : limit_(&limit) {}
  ConcurrencyLimit* limit_ = nullptr;
};

/// Must outlive its permits.
class ConcurrencyLimit {
 public:
  explicit ConcurrencyLimit(std::optional<std::uint32_t> most = std::nullopt) : most_(most) {}
  ~ConcurrencyLimit() {
    assert(in_use_ == 0 && "every permit is given back before its limit goes");
  }
  ConcurrencyLimit(ConcurrencyLimit const&) = delete;
  ConcurrencyLimit& operator=(ConcurrencyLimit const&) = delete;

  [[nodiscard]] bool has_room() const { return !most_ || in_use_ < *most_; }
  /// Only when has_room().
  [[nodiscard]] Permit take() {
    assert(has_room() && "a permit is taken only where there is room");
    ++in_use_;
    return Permit(*this);
  }
  /// Lowering it takes nothing away; the excess drains.
  void reconfigure(std::optional<std::uint32_t> most) { most_ = most; }
  [[nodiscard]] std::uint32_t in_use() const { return in_use_; }
  [[nodiscard]] std::optional<std::uint32_t> most() const { return most_; }

 private:
  friend class Permit;
  std::optional<std::uint32_t> most_;
  std::uint32_t in_use_ = 0;
};

inline void Permit::give_back() {
  if (limit_ == nullptr) return;
  --limit_->in_use_;
  limit_ = nullptr;
}

}  // namespace mailpool::site
