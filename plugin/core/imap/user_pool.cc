#include "core/imap/user_pool.h"

#include <algorithm>

namespace mailpool::imap {

using pool::ConnectionState;

bool UserPool::believes(Verifier const& verifier, Duration for_how_long, TimePoint now) const {
  return remembers(verifier) && now < after(verified_at_, for_how_long);
}

void UserPool::note_success(Verifier const& verifier, TimePoint now) {
  if (!remembers(verifier)) {
    ++generation_;
    verifier_ = verifier;
  }
  verified_at_ = now;
}

void UserPool::forget() {
  verifier_.reset();
  ++generation_;
}

bool UserPool::is_trying(Verifier const& verifier) const {
  auto const& connecting = pool_.in(ConnectionState::Connecting);
  return std::any_of(connecting.begin(), connecting.end(), [&](auto const& c) {
    return is_same(verifier, &static_cast<Upstream const&>(*c).plan().verifier);
  });
}

std::size_t UserPool::proofs() const {
  auto const& connecting = pool_.in(ConnectionState::Connecting);
  return static_cast<std::size_t>(std::count_if(
      connecting.begin(), connecting.end(),
      [](auto const& c) { return static_cast<Upstream const&>(*c).plan().is_proof; }));
}

}  // namespace mailpool::imap
