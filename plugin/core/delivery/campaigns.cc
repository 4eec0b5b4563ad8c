#include "core/delivery/campaigns.h"

#include <algorithm>
#include <utility>

#include "core/site/suspension_record.h"

namespace mailpool::delivery {

Campaign const* Campaigns::find(std::string_view name) const {
  auto const known = by_name_.find(name);
  return known == by_name_.end() ? nullptr : &*known->second;
}

Campaign* Campaigns::use(std::string_view name, TimePoint now) {
  if (auto const known = by_name_.find(name); known != by_name_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, known->second);
    return &by_use_.front();
  }
  if (by_use_.size() >= most) {
    auto const oldest = std::find_if(by_use_.rbegin(), by_use_.rend(),
                                     [now](Campaign const& c) { return !c.is_suspended(now); });
    if (oldest == by_use_.rend()) return nullptr;
    if (oldest->suspension) --suspended_;
    by_name_.erase(by_name_.find(oldest->name));
    by_use_.erase(std::next(oldest).base());
  }
  by_use_.emplace_front(name);
  by_name_.emplace(name, by_use_.begin());
  return &by_use_.front();
}

void Campaigns::count(std::string_view name, OutcomeKind kind, TimePoint now) {
  if (name.empty()) return;
  if (auto* const campaign = use(name, now)) campaign->count(kind);
}

bool Campaigns::suspend(std::string const& name, site::Suspension why, state::Store& store,
                        WallTime wall_now, TimePoint now) {
  auto* const campaign = use(name, now);
  if (campaign == nullptr) return false;
  if (!campaign->suspension) ++suspended_;
  campaign->suspension = std::move(why);
  site::keep(*campaign->suspension, site::suspension_key("campaign", name), store, wall_now, now);
  return true;
}

bool Campaigns::resume(std::string_view name, state::Store& store, TimePoint now) {
  auto const known = by_name_.find(name);
  if (known == by_name_.end() || !known->second->suspension) return false;
  bool const was_held = known->second->is_suspended(now);
  known->second->suspension.reset();
  --suspended_;
  store.erase(state::Kind::Suspension, site::suspension_key("campaign", std::string(name)));
  return was_held;
}

void Campaigns::keep(state::Store& store, WallTime wall_now, TimePoint now) {
  for (auto& campaign : by_use_)
    if (campaign.is_suspended(now))
      site::keep(*campaign.suspension, site::suspension_key("campaign", campaign.name), store,
                 wall_now, now);
}

site::Suspension const* Campaigns::held(std::string_view name, TimePoint now) const {
  if (suspended_ == 0 || name.empty()) return nullptr;
  auto const* const campaign = find(name);
  return campaign != nullptr && campaign->is_suspended(now) ? &*campaign->suspension : nullptr;
}

}  // namespace mailpool::delivery
