#include "core/imap/refusals.h"

#include <algorithm>

namespace mailpool::imap {
namespace {

constexpr Duration first_delay = std::chrono::milliseconds(250);
constexpr unsigned most_doublings = 4;

}  // namespace

void Refusals::note(Verifier const& verifier, std::string text, TimePoint now) {
  std::erase_if(refused_, [&](auto const& entry) { return now >= entry.second.until; });
  if (refused_.size() >= most) return;  // then the server is asked each time
  auto& refusal = refused_[verifier];
  refusal.text = std::move(text);
  refusal.until = after(now, kept);
}

Refusals::Refusal const* Refusals::find(Verifier const& verifier, TimePoint now) {
  auto const found = refused_.find(verifier);
  if (found == refused_.end()) return nullptr;
  if (now >= found->second.until) {
    refused_.erase(found);
    return nullptr;
  }
  ++found->second.times;
  return &found->second;
}

Duration Refusals::delay_of(Refusal const& refusal) {
  auto const doublings = std::min(refusal.times >= 2 ? refusal.times - 2 : 0, most_doublings);
  return first_delay * (1LL << doublings);
}

}  // namespace mailpool::imap
