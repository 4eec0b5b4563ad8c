#pragma once
// Bodies in plain memory, with limits that a test can set.

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/message/body.h"

namespace mailpool::fakes {

class MemoryBodyStore final : public BodyStore {
 public:
  std::uint64_t memory_limit = UINT64_MAX;  ///< of one body; beyond it MemoryLimit
  std::uint64_t disk_limit = UINT64_MAX;    ///< of one body; beyond it DiskFull
  bool wants_more = true;
  std::uint64_t expected = 0;  ///< what make() was told last
  std::size_t alive = 0;       ///< bodies that exist

  std::unique_ptr<BodyStorage> make(std::uint64_t size) override {
    expected = size;
    return std::make_unique<Storage>(*this);
  }

 private:
  class Storage final : public BodyStorage {
   public:
    explicit Storage(MemoryBodyStore& store) : store_(store) { ++store_.alive; }
    ~Storage() override { --store_.alive; }
    Storage(Storage const&) = delete;
    Storage& operator=(Storage const&) = delete;

    Append append(std::string_view octets) override {
      if (octets_.size() + octets.size() > store_.memory_limit) return Append::MemoryLimit;
      if (octets_.size() + octets.size() > store_.disk_limit) return Append::DiskFull;
      octets_ += octets;
      return Append::Ok;
    }
    [[nodiscard]] bool wants_more() const override { return store_.wants_more; }
    [[nodiscard]] std::uint64_t size() const override { return octets_.size(); }
    [[nodiscard]] std::string_view memory() const override { return octets_; }
    [[nodiscard]] std::ptrdiff_t read(std::uint64_t offset, std::span<char> to) const override {
      if (offset >= octets_.size()) return 0;
      auto const n = std::min<std::size_t>(to.size(), octets_.size() - offset);
      std::memcpy(to.data(), octets_.data() + offset, n);
      return static_cast<std::ptrdiff_t>(n);
    }

   private:
    MemoryBodyStore& store_;
    std::string octets_;
  };
};

/// A body of plain memory, for tests that need one. `store` must outlive it.
inline Body make_body(MemoryBodyStore& store, std::string_view content) {
  Body body;
  body.storage = store.make(content.size());
  static_cast<void>(body.storage->append(content));
  body.has_eight_bit = std::any_of(content.begin(), content.end(),
                                   [](char c) { return static_cast<unsigned char>(c) > 0x7f; });
  body.has_leading_dot = content.starts_with('.') || content.find("\n.") != std::string_view::npos;
  return body;
}

}  // namespace mailpool::fakes
