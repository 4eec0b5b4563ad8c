#include "core/imap/user_pool.h"

#include <algorithm>

namespace mailpool::imap {

using pool::ConnectionState;

namespace {

constexpr Duration first_put_off = std::chrono::seconds(1);
constexpr unsigned most_doublings = 5;

}  // namespace

bool UserPool::believes(Verifier const& verifier, Duration for_how_long, TimePoint now) const {
  return remembers(verifier) && now < after(verified_at_, for_how_long);
}

void UserPool::note_success(Verifier const& verifier, TimePoint now) {
  if (!remembers(verifier)) {
    ++generation_;
    verifier_ = verifier;
  }
  verified_at_ = now;
  put_off_until_ = {};
  put_offs_ = 0;
}

void UserPool::put_off_logins(TimePoint now) {
  // Several that are put off together are one.
  if (now < put_off_until_) return;
  put_off_until_ = after(now, first_put_off * (1LL << std::min(put_offs_, most_doublings)));
  ++put_offs_;
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
