#include "core/admission/desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/site/rate_record.h"

namespace mailpool::admission {
namespace {

// The milter's own [milter] cache shortens it; this is for a milter that was configured otherwise.
constexpr Duration longest_memory = std::chrono::minutes(1);
constexpr std::size_t limits_before_forgetting = 1024;

std::uint32_t milliseconds(Duration d) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::min(d, longest_memory)).count());
}

// The rates of one kind of section, by name; those without a limit are left out.
template <class Sections>
std::map<std::string, Rate> rates_of(Sections const& sections) {
  std::map<std::string, Rate> rates;
  for (auto const& [name, section] : sections)
    if (section.accept_rate.is_limited()) rates.emplace(name, section.accept_rate);
  return rates;
}

std::string_view word_of(Desk::Level level) {
  return level == Desk::Level::Site ? "site" : level == Desk::Level::Domain ? "domain" : "tenant";
}

site::RateKey key_of(Desk::Level level, std::string const& name) {
  return {std::string(word_of(level)), name, "accept_rate"};
}

Rate rate_in(std::map<std::string, Rate> const& rates, std::string const& name) {
  auto const found = rates.find(name);
  return found == rates.end() ? Rate{} : found->second;
}

}  // namespace

Desk::Desk(Settings const& settings, Places const& places, state::Store& store)
    : places_(places), store_(store) {
  reconfigure(settings);
}

void Desk::restore(WallTime wall_now, TimePoint now) {
  wall_offset_ = wall_now.time_since_epoch() - now.time_since_epoch();
  for (auto& record : store_.take_loaded(state::Kind::AcceptUse)) {
    auto key = site::rate_key_of(record);
    if (!key) continue;
    for (auto const level : {Level::Site, Level::Domain, Level::Tenant})
      if (word_of(level) == key->level)
        loaded_.emplace(Name(level, std::move(key->name)), std::move(record.value));
  }
}

void Desk::keep_use(std::size_t most, WallTime wall_now, TimePoint now) {
  for (; most > 0 && !used_.empty(); --most) {
    auto const name = std::move(used_.extract(used_.begin()).value());
    auto const& limits = limits_at(name.first);
    if (auto const found = limits.find(name.second); found != limits.end())
      site::keep_use(store_, key_of(name.first, name.second), found->second, wall_now, now,
                     state::Kind::AcceptUse);
  }
}

Desk::Limits& Desk::limits_at(Level level) {
  return level == Level::Site ? sites_ : level == Level::Domain ? domains_ : tenants_;
}

void Desk::reconfigure(Settings const& settings) {
  on_suspended_ = settings.milter.on_suspended;
  domain_rates_ = rates_of(settings.domains);
  tenant_rates_ = rates_of(settings.tenants);
}

bool Desk::forget_use(Level level, std::string const& name) {
  used_.erase({level, name});
  bool const was_loaded = loaded_.erase({level, name}) != 0;
  auto& limits = limits_at(level);
  auto const found = limits.find(name);
  site::RateLimit nobody;
  site::forget_use(store_, key_of(level, name), found == limits.end() ? nobody : found->second,
                   state::Kind::AcceptUse);
  if (found == limits.end()) return was_loaded;
  limits.erase(found);
  return true;
}

// A limit whose debt is paid says the same as a new one.
void Desk::forget_rested(Limits& limits, TimePoint now) {
  std::erase_if(limits, [now](auto const& entry) { return entry.second.is_rested(now); });
}

site::RateLimit* Desk::limit_of(Level level, std::string const& name, Rate const& rate,
                                TimePoint now) {
  if (name.empty() || !rate.is_limited()) return nullptr;
  auto& limits = limits_at(level);
  if (limits.size() >= limits_before_forgetting && !limits.contains(name))
    forget_rested(limits, now);
  auto const [it, is_new] = limits.try_emplace(name, rate);
  auto& limit = it->second;
  limit.reconfigure(rate, now);
  if (is_new && !loaded_.empty())
    if (auto const kept = loaded_.find({level, name}); kept != loaded_.end()) {
      (void)limit.restore(kept->second, WallTime(wall_offset_ + now.time_since_epoch()), now);
      loaded_.erase(kept);
    }
  return &limit;
}

Desk::Gate Desk::gate(Level level, std::string const& name, Rate const& rate, TimePoint now) {
  auto const* const quotes = level == Level::Domain ? "\"" : "";
  return {limit_of(level, name, rate, now),
          fmt::format("[{}.{}{}{}]", word_of(level), quotes, name, quotes), Name(level, name)};
}

Answer Desk::ask(Question const& question, TimePoint now) {
  counts_.asked += question.recipients;
  Answer answer;
  answer.id = question.id;
  auto const place = question.domain.empty() ? Place{} : places_.place_of(question.domain, now);
  if (!place.is_routed) {
    answer.keep_for = milliseconds(longest_memory);
    return answer;
  }
  if (!place.suspended.empty() && on_suspended_ == MilterReply::Tempfail) {
    counts_.suspended += question.recipients;
    answer.verdict = Verdict::Suspended;
    answer.text = place.suspended;
    answer.keep_for = milliseconds(longest_memory);
    return answer;
  }

  std::array const gates{
      gate(Level::Domain, question.domain, rate_in(domain_rates_, question.domain), now),
      gate(Level::Site, place.site, place.site_rate, now),
      gate(Level::Tenant, question.tenant, rate_in(tenant_rates_, question.tenant), now)};
  Gate const* latest = nullptr;
  auto not_before = now;
  bool is_limited = false;
  for (auto const& gate : gates) {
    if (gate.limit == nullptr) continue;
    is_limited = true;
    auto const earliest = gate.limit->earliest(now);
    if (earliest <= not_before) continue;
    not_before = earliest;
    latest = &gate;
  }
  if (latest != nullptr) {
    counts_.full += question.recipients;
    answer.verdict = Verdict::Full;
    answer.text =
        fmt::format("{}: {} accept_rate reached ({}), next in {}",
                    question.domain.empty() ? question.tenant : question.domain, latest->section,
                    latest->limit->rate().to_string(), to_text(not_before - now));
    answer.keep_for = milliseconds(not_before - now);
    return answer;
  }
  for (auto const& gate : gates) {
    for (unsigned i = 0; gate.limit != nullptr && i < question.recipients; ++i)
      gate.limit->take(now);
    if (gate.limit != nullptr && gate.limit->is_kept()) used_.insert(gate.name);
  }
  if (!is_limited) answer.keep_for = milliseconds(longest_memory);
  return answer;
}

}  // namespace mailpool::admission
