#include "core/tls/memory.h"

#include <utility>

namespace mailpool::tls {

Memory::Memory(state::Store& store) : store_(store) {
  for (auto& record : store_.take_loaded(state::Kind::TlsMemory))
    if (plain_until_.size() < most_endpoints_remembered)
      plain_until_.emplace(std::move(record.key), record.expires);
}

void Memory::handshake_failed(std::string const& endpoint, std::string const& why, WallTime now) {
  if (plain_until_.size() >= most_endpoints_remembered)
    std::erase_if(plain_until_, [&](auto const& entry) { return entry.second <= now; });
  if (plain_until_.size() >= most_endpoints_remembered) return;
  auto const until = now + std::chrono::duration_cast<WallTime::duration>(plain_for);
  plain_until_[endpoint] = until;
  store_.put(state::Kind::TlsMemory, endpoint, why, until);
}

void Memory::handshake_succeeded(std::string const& endpoint) {
  silent_at_.erase(endpoint);
  if (plain_until_.erase(endpoint) != 0) store_.erase(state::Kind::TlsMemory, endpoint);
}

bool Memory::is_silent_again(std::string const& endpoint, TimePoint began, TimePoint now) {
  auto const found = silent_at_.find(endpoint);
  if (found != silent_at_.end() && now - found->second < silence_counts_for)
    return found->second <= began;
  if (silent_at_.size() >= most_endpoints_remembered)
    std::erase_if(silent_at_,
                  [&](auto const& entry) { return now - entry.second >= silence_counts_for; });
  if (silent_at_.size() < most_endpoints_remembered) silent_at_[endpoint] = now;
  return false;
}

bool Memory::is_plain(std::string const& endpoint, WallTime now) const {
  auto const found = plain_until_.find(endpoint);
  return found != plain_until_.end() && now < found->second;
}

}  // namespace mailpool::tls
