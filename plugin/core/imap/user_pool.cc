#include "core/imap/user_pool.h"

#include <algorithm>

namespace mailpool::imap {

using pool::ConnectionState;

namespace {

constexpr Duration first_put_off = std::chrono::seconds(1);
constexpr unsigned most_put_off_doublings = 5;

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
}

void UserPool::put_off_logins(std::size_t server, TimePoint now) {
  auto& put_off = put_offs_[server];
  // Several that are put off together are one.
  if (now < put_off.until) return;
  put_off.until =
      after(now, first_put_off * (1LL << std::min(put_off.times, most_put_off_doublings)));
  ++put_off.times;
}

TimePoint UserPool::put_off_until(std::size_t server) const {
  auto const found = put_offs_.find(server);
  return found == put_offs_.end() ? TimePoint{} : found->second.until;
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

std::size_t UserPool::proofs_for(std::uint32_t uid) const {
  auto const& connecting = pool_.in(ConnectionState::Connecting);
  return static_cast<std::size_t>(
      std::count_if(connecting.begin(), connecting.end(), [&](auto const& c) {
        auto const& plan = static_cast<Upstream const&>(*c).plan();
        return plan.is_proof && plan.asker == uid;
      }));
}

}  // namespace mailpool::imap
