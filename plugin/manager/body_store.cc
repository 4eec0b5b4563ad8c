#include "manager/body_store.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

namespace mailpool::manager {
namespace {

constexpr std::uint64_t chunk_size = 128U << 10U;  // what one write to the disk carries
constexpr std::uint64_t first_room = 8U << 10U;    // for a body whose size nobody told

}  // namespace

class SpillingBodyStore::Storage final : public BodyStorage {
 public:
  Storage(SpillingBodyStore& store, std::uint64_t expected) : store_(store), expected_(expected) {
    ++store_.bodies_;
  }
  ~Storage() override {
    store_.release(room_);
    --store_.bodies_;
  }
  Storage(Storage const&) = delete;
  Storage& operator=(Storage const&) = delete;

  [[nodiscard]] Append append(std::string_view octets) override;
  [[nodiscard]] bool wants_more() const override {
    return !spill_ || store_.writer_.wants_more(*spill_);
  }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] std::string_view memory() const override {
    return spill_ ? std::string_view() : std::string_view(memory_);
  }
  [[nodiscard]] std::ptrdiff_t read(std::uint64_t offset, std::span<char> to) const override;

 private:
  [[nodiscard]] bool try_make_room(std::uint64_t octets);
  [[nodiscard]] bool try_grow(std::uint64_t room);
  [[nodiscard]] bool try_hand_over();

  SpillingBodyStore& store_;
  std::uint64_t const expected_;
  std::string memory_;  ///< all of it; once there is a spill, the end that is not worth a write yet
  std::uint64_t room_ = 0;  ///< what is charged for memory_
  std::uint64_t size_ = 0;
  std::optional<SpillWriter::Handle> spill_;
};

BodyStorage::Append SpillingBodyStore::Storage::append(std::string_view octets) {
  if (!spill_ && memory_.size() + octets.size() > store_.limits_.spill_above) {
    ++store_.spilled_;
    spill_.emplace(store_.writer_);
    if (!memory_.empty() && !try_hand_over()) return Append::DiskFull;
  }
  if (!try_make_room(octets.size())) {
    ++store_.memory_refusals_;
    return Append::MemoryLimit;
  }
  memory_ += octets;
  size_ += octets.size();
  if (spill_ && memory_.size() >= chunk_size && !try_hand_over()) return Append::DiskFull;
  return Append::Ok;
}

bool SpillingBodyStore::Storage::try_make_room(std::uint64_t octets) {
  auto const needed = memory_.size() + octets;
  if (needed <= room_) return true;
  if (spill_) return try_grow(std::max(needed, chunk_size));
  // The announced size with a little for a Received field; else double, up to where the file
  // begins.
  auto const wish =
      room_ == 0 ? std::max(expected_ == 0 ? 0 : expected_ + 1024, first_room) : 2 * room_;
  auto const room = std::max(needed, std::min(wish, store_.limits_.spill_above));
  return try_grow(room) || try_grow(needed);
}

bool SpillingBodyStore::Storage::try_grow(std::uint64_t room) {
  if (!store_.try_charge(room - room_)) return false;
  try {
    memory_.reserve(room);
  } catch (std::exception const&) {  // the machine has less than memory_limit allows
    store_.release(room - room_);
    return false;
  }
  room_ = room;
  return true;
}

// The memory stays charged until it is written; the charge for more room than octets ends here.
bool SpillingBodyStore::Storage::try_hand_over() {
  store_.release(room_ - memory_.size());
  room_ = 0;
  return store_.writer_.append(*spill_, std::exchange(memory_, {}));
}

std::ptrdiff_t SpillingBodyStore::Storage::read(std::uint64_t offset, std::span<char> to) const {
  if (to.empty() || offset >= size_) return 0;
  auto const in_memory_from = size_ - memory_.size();
  if (offset < in_memory_from) return store_.writer_.read(*spill_, offset, to);
  auto const from = static_cast<std::size_t>(offset - in_memory_from);
  auto const n = std::min(to.size(), memory_.size() - from);
  std::memcpy(to.data(), memory_.data() + from, n);
  return static_cast<std::ptrdiff_t>(n);
}

SpillingBodyStore::SpillingBodyStore(Limits limits, std::vector<std::string> directories)
    : limits_(limits), writer_(std::move(directories), *this) {}

SpillingBodyStore::~SpillingBodyStore() {
  assert(bodies_ == 0);  // a body must not outlive its store
}

std::unique_ptr<BodyStorage> SpillingBodyStore::make(std::uint64_t expected) {
  return std::make_unique<Storage>(*this, expected);
}

SpillingBodyStore::Figures SpillingBodyStore::figures() const {
  return {bodies_,  memory_.load(),   writer_.octets_on_disk(),
          spilled_, memory_refusals_, writer_.failures()};
}

// Only the loop's thread charges, so that no two can share the last octets.
bool SpillingBodyStore::try_charge(std::uint64_t octets) {
  if (memory_.load() + octets > limits_.memory_limit) return false;
  memory_ += octets;
  return true;
}

void SpillingBodyStore::release(std::uint64_t octets) {
  memory_ -= octets;
}

}  // namespace mailpool::manager
