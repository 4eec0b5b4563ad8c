#include "fakemx/provider.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool::fakemx {

double RateMeter::capacity() const {
  return std::max(1.0, rate_.per_second()) + 1;
}

bool RateMeter::take_token(TimePoint now) {
  if (!begun_) {
    begun_ = true;
    tokens_ = capacity();
  } else {
    tokens_ = std::min(capacity(), tokens_ + seconds(now - filled_at_) * rate_.per_second());
  }
  filled_at_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

bool RateMeter::take_place(TimePoint now) {
  while (!taken_.empty() && now - taken_.front() >= rate_.period) taken_.pop_front();
  if (taken_.size() >= rate_.count) return false;
  taken_.push_back(now);
  return true;
}

bool RateMeter::take(TimePoint now) {
  if (rate_.count == 0) return true;
  return measure_ == RateMeasure::Bucket ? take_token(now) : take_place(now);
}

void Provider::connection_opened(std::string const& client) {
  ++all_.use.open;
  auto& use = clients_[client].use;
  use.most_open = std::max(use.most_open, ++use.open);
}

void Provider::connection_closed(std::string const& client) {
  --all_.use.open;
  --clients_[client].use.open;
}

std::uint64_t Provider::open_for(Settings const& settings, std::string const& client) const {
  if (!settings.per_client) return all_.use.open;
  auto const found = clients_.find(client);
  return found == clients_.end() ? 0 : found->second.use.open;
}

std::map<std::string, ClientUse> Provider::uses() const {
  std::map<std::string, ClientUse> uses;
  for (auto const& [address, client] : clients_) uses[address] = client.use;
  return uses;
}

void Provider::reset_uses() {
  for (auto& [address, client] : clients_) {
    client.use.messages = 0;
    client.use.most_open = client.use.open;
  }
}

bool Provider::admit_message(Settings const& settings, std::string const& client, TimePoint now) {
  auto& meter = (settings.per_client ? clients_[client] : all_).meter;
  if (!meter.is_for(settings.rate, settings.rate_measure))
    meter = RateMeter(settings.rate, settings.rate_measure);
  if (meter.take(now)) return true;
  ++violations.rate;
  return false;
}

Provider::Domain& Provider::domain(std::string const& name, DomainLimit const& limit) {
  return domains_.try_emplace(name, Domain{RateMeter(limit.rate, RateMeasure::Bucket)})
      .first->second;
}

Provider::DomainAnswer Provider::enter_domain(Settings const& settings, std::string_view name,
                                              TimePoint now) {
  auto const limit =
      std::find_if(settings.domain_limits.begin(), settings.domain_limits.end(),
                   [&](DomainLimit const& l) { return glob_matches(l.domain_glob, name); });
  if (limit == settings.domain_limits.end()) return DomainAnswer::Ok;
  auto& entry = domain(ascii_lower(name), *limit);
  if (limit->max_connections > 0 && entry.transactions >= limit->max_connections) {
    ++violations.domain_connections;
    return DomainAnswer::TooMany;
  }
  if (!entry.meter.take(now)) {
    ++violations.domain_rate;
    return DomainAnswer::TooFast;
  }
  ++entry.transactions;
  return DomainAnswer::Ok;
}

void Provider::leave_domain(std::string_view name) {
  auto const found = domains_.find(ascii_lower(name));
  if (found != domains_.end() && found->second.transactions > 0) --found->second.transactions;
}

}  // namespace mailpool::fakemx
