#include "core/site/source.h"

#include <fmt/format.h>

#include <algorithm>

namespace mailpool::site {

void Source::reconfigure(SourceSettings const& settings, TimePoint now) {
  scope.reconfigure(settings, now);
  warm_up.reconfigure(settings.warm_up, settings.warm_up_hold_above);
  addresses_ = settings.address;
  ehlo_name_ = settings.ehlo_name;
}

std::optional<IpAddress> Source::address_for(IpAddress::Family family) const {
  auto const it = std::find_if(addresses_.begin(), addresses_.end(),
                               [&](IpAddress const& a) { return a.family() == family; });
  if (it == addresses_.end()) return std::nullopt;
  return *it;
}

Wait Source::may_begin(std::string const& site, std::uint32_t recipients, Today const& today,
                       TimePoint now) const {
  auto const wait = scope.may_begin(recipients, now);
  if (warm_up.has_room(site, today.day)) return wait;
  return later_of(wait, {warm_up.next_room(site, today), Limit::WarmUp, &scope});
}

std::string Source::words_for(Limit limit, std::string const& site, Today const& today) const {
  if (limit != Limit::WarmUp) return scope.words_for(limit);
  auto const why = warm_up.why_held(site, today.day);
  return fmt::format("warm_up reached ({} messages today{}{})",
                     warm_up.most(site, today.day).value_or(0), why.empty() ? "" : "; ", why);
}

void SourceGroup::reconfigure(std::vector<Member> members, bool spills) {
  sum_ = 0;
  for (auto& member : members) {
    sum_ += member.weight;
    for (auto const& before : members_)
      if (before.source == member.source) member.credit = before.credit;
  }
  members_ = std::move(members);
  spills_ = spills;
}

Source* SourceGroup::whose_turn() const {
  Member const* chosen = nullptr;
  for (auto const& member : members_)
    if (chosen == nullptr || member.credit + member.weight > chosen->credit + chosen->weight)
      chosen = &member;
  return chosen == nullptr ? nullptr : chosen->source;
}

void SourceGroup::take_turn(Source const& source) {
  if (members_.size() < 2) return;
  for (auto& member : members_)
    member.credit = std::min(member.credit + member.weight, most_rounds * sum_);
  pay(source, sum_);
}

void SourceGroup::move_turn(Source const& before, Source const& now) {
  pay(before, -sum_);
  pay(now, sum_);
}

void SourceGroup::pay(Source const& source, std::int64_t amount) {
  for (auto& member : members_)
    if (member.source == &source)
      member.credit = std::clamp(member.credit - amount, -most_rounds * sum_, most_rounds * sum_);
}

}  // namespace mailpool::site
