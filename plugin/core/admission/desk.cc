#include "core/admission/desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

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

Rate rate_in(std::map<std::string, Rate> const& rates, std::string const& name) {
  auto const found = rates.find(name);
  return found == rates.end() ? Rate{} : found->second;
}

}  // namespace

Desk::Desk(Settings const& settings, Places const& places) : places_(places) {
  reconfigure(settings);
}

void Desk::reconfigure(Settings const& settings) {
  on_suspended_ = settings.milter.on_suspended;
  domain_rates_ = rates_of(settings.domains);
  tenant_rates_ = rates_of(settings.tenants);
}

bool Desk::forget_use(Level level, std::string const& name) {
  auto& limits = level == Level::Site ? sites_ : level == Level::Domain ? domains_ : tenants_;
  return limits.erase(name) != 0;
}

// A limit whose debt is paid says the same as a new one.
void Desk::forget_rested(Limits& limits, TimePoint now) {
  std::erase_if(limits, [now](auto const& entry) { return entry.second.is_rested(now); });
}

site::RateLimit* Desk::limit_of(Limits& limits, std::string const& name, Rate const& rate,
                                TimePoint now) {
  if (name.empty() || !rate.is_limited()) return nullptr;
  if (limits.size() >= limits_before_forgetting && !limits.contains(name))
    forget_rested(limits, now);
  auto& limit = limits.try_emplace(name, rate).first->second;
  limit.reconfigure(rate, now);
  return &limit;
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
      Gate{limit_of(domains_, question.domain, rate_in(domain_rates_, question.domain), now),
           fmt::format("[domain.\"{}\"]", question.domain)},
      Gate{limit_of(sites_, place.site, place.site_rate, now),
           fmt::format("[site.{}]", place.site)},
      Gate{limit_of(tenants_, question.tenant, rate_in(tenant_rates_, question.tenant), now),
           fmt::format("[tenant.{}]", question.tenant)}};
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
                    question.domain.empty() ? question.tenant : question.domain, latest->name,
                    latest->limit->rate().to_string(), to_text(not_before - now));
    answer.keep_for = milliseconds(not_before - now);
    return answer;
  }
  for (auto const& gate : gates)
    for (unsigned i = 0; gate.limit != nullptr && i < question.recipients; ++i)
      gate.limit->take(now);
  if (!is_limited) answer.keep_for = milliseconds(longest_memory);
  return answer;
}

}  // namespace mailpool::admission
