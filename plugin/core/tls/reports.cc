#include "core/tls/reports.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/state/record.h"

namespace mailpool::tls {
namespace {

using DayDuration = std::chrono::duration<std::int64_t, std::ratio<86'400>>;

WallTime start_of(Day day) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(DayDuration(day)));
}

std::string key_of(Day day, std::string const& domain) {
  return fmt::format("{} {}", day, domain);
}

PolicyCount* place_for(std::vector<PolicyCount>& counts, PolicyText const& policy) {
  for (auto& count : counts)
    if (count.policy == policy) return &count;
  if (counts.size() == most_policies_a_domain) return &counts.back();
  counts.push_back({policy, 0, 0, {}});
  return &counts.back();
}

void add_failure(PolicyCount& count, SessionResult const& result) {
  ++count.failures;
  auto const same = [&](FailureCount const& f) {
    return f.failure == *result.failure && f.ends == result.ends;
  };
  auto found = std::find_if(count.details.begin(), count.details.end(), same);
  if (found == count.details.end()) {
    if (count.details.size() == most_details) return;
    count.details.push_back({*result.failure, result.ends, {}, 0});
    found = std::prev(count.details.end());
  }
  ++found->sessions;
  found->details = printable(result.details, 200);
}

// A record is one line of fields for each policy and each of its failures.
std::string line_of(PolicyCount const& count) {
  std::string text = state::join({"P", count.policy.type, count.policy.domain,
                                  std::to_string(count.successes), std::to_string(count.failures)});
  for (auto const& line : count.policy.lines) text += "\t" + state::join({line});
  return text;
}

std::string line_of(FailureCount const& f) {
  return state::join({"F", name_of(f.failure), f.ends.sender, f.ends.host, f.ends.address,
                      f.ends.host_says, std::to_string(f.sessions), f.details});
}

bool read_policy(std::vector<std::string> const& fields, std::vector<PolicyCount>& counts) {
  auto const successes = to_number(fields[3]);
  auto const failures = to_number(fields[4]);
  if (!successes || !failures) return false;
  PolicyText policy{fields[1], {fields.begin() + 5, fields.end()}, fields[2]};
  counts.push_back({std::move(policy), *successes, *failures, {}});
  return true;
}

bool read_failure(std::vector<std::string> const& fields, std::vector<PolicyCount>& counts) {
  auto const failure = failure_of_name(fields[1]);
  auto const sessions = to_number(fields[6]);
  if (counts.empty() || !failure || !sessions) return false;
  SessionEnds ends{fields[2], fields[3], fields[4], fields[5]};
  counts.back().details.push_back({*failure, std::move(ends), fields[7], *sessions});
  return true;
}

}  // namespace

Day day_of(WallTime t) {
  return std::chrono::floor<DayDuration>(t.time_since_epoch()).count();
}

std::string text_of_day(Day day) {
  return fmt::format("{:%Y-%m-%d}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(start_of(day))));
}

std::optional<Day> day_of_text(std::string_view text) {
  using namespace std::chrono;
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  auto const y = to_number(text.substr(0, 4));
  auto const m = to_number(text.substr(5, 2));
  auto const d = to_number(text.substr(8, 2));
  if (!y || !m || !d) return std::nullopt;
  year_month_day const date(year(static_cast<int>(*y)), month(static_cast<unsigned>(*m)),
                            day(static_cast<unsigned>(*d)));
  if (!date.ok()) return std::nullopt;
  return sys_days(date).time_since_epoch().count();
}

std::string written(std::vector<PolicyCount> const& counts) {
  std::string text;
  for (auto const& count : counts) {
    text += line_of(count) + "\n";
    for (auto const& failure : count.details) text += line_of(failure) + "\n";
  }
  return text;
}

std::vector<PolicyCount> read_counts(std::string_view text) {
  std::vector<PolicyCount> counts;
  for (auto const line : split(text, '\n')) {
    if (line.empty()) continue;
    auto const fields = state::fields_of(line);
    bool is_read = false;
    if (fields.size() >= 5 && fields[0] == "P") is_read = read_policy(fields, counts);
    if (fields.size() == 8 && fields[0] == "F") is_read = read_failure(fields, counts);
    if (!is_read) return {};
  }
  return counts;
}

Reports::Reports(state::Store& store) : store_(store) {
  for (auto const& record : store_.take_loaded(state::Kind::TlsReport)) {
    auto const blank = record.key.find(' ');
    auto const day = to_number(std::string_view(record.key).substr(0, blank));
    auto counts = read_counts(record.value);
    if (blank == std::string::npos || !day || *day > 10'000'000 || counts.empty()) continue;
    days_[static_cast<Day>(*day)].emplace(record.key.substr(blank + 1), std::move(counts));
  }
}

void Reports::note(std::string const& domain, SessionResult const& result, WallTime now) {
  auto const today = day_of(now);
  forget_before(today - days_kept + 1);
  auto& domains = days_[today];
  if (domains.size() >= most_domains_a_day && !domains.contains(domain)) return;
  auto& counts = domains[domain];
  auto& count = *place_for(counts, result.policy);
  if (result.failure) {
    add_failure(count, result);
  } else {
    ++count.successes;
  }
  keep(today, domain, counts);
}

void Reports::keep(Day day, std::string const& domain, Counts const& counts) {
  store_.put(state::Kind::TlsReport, key_of(day, domain), written(counts),
             start_of(day + days_kept));
}

std::vector<PolicyCount> Reports::of(std::string const& domain, Day day) const {
  auto const of_day = days_.find(day);
  if (of_day == days_.end()) return {};
  auto const found = of_day->second.find(domain);
  return found == of_day->second.end() ? Counts() : found->second;
}

std::size_t Reports::domains(Day day) const {
  auto const of_day = days_.find(day);
  return of_day == days_.end() ? 0 : of_day->second.size();
}

void Reports::forget_before(Day day) {
  while (!days_.empty() && days_.begin()->first < day) days_.erase(days_.begin());
}

}  // namespace mailpool::tls
