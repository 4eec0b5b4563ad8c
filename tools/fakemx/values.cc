#include "fakemx/values.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"

namespace mailpool::fakemx {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

/// Digits and a unit; nothing where the unit is unknown or the product does not fit.
template <std::size_t N>
std::optional<std::uint64_t> scaled(std::string_view text, std::array<Unit, N> const& units) {
  auto const digits = std::min(text.find_first_not_of("0123456789"), text.size());
  auto const number = to_number(text.substr(0, digits));
  auto const* const unit = std::find_if(units.begin(), units.end(), [&](Unit const& candidate) {
    return candidate.name == text.substr(digits);
  });
  if (!number || unit == units.end() || *number > UINT64_MAX / 4 / unit->factor) return {};
  return *number * unit->factor;
}

bool same_letter(char a, char b) {
  return ascii_lower(a) == ascii_lower(b);
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  static constexpr std::array<Unit, 5> units{{{"us", 1'000},
                                              {"ms", 1'000'000},
                                              {"s", 1'000'000'000},
                                              {"m", 60'000'000'000},
                                              {"h", 3'600'000'000'000}}};
  if (text == "0") return Duration::zero();
  auto const ns = scaled(text, units);
  if (!ns) return {};
  return Duration(static_cast<Duration::rep>(*ns));
}

bool parse_into(std::string_view text, Duration& to) {
  auto const d = parse_duration(text);
  if (d) to = *d;
  return d.has_value();
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  static constexpr std::array<Unit, 4> units{
      {{"", 1}, {"KiB", 1U << 10U}, {"MiB", 1U << 20U}, {"GiB", 1U << 30U}}};
  return scaled(text, units);
}

std::optional<Rate> Rate::parse(std::string_view text) {
  auto const slash = text.find('/');
  if (slash == std::string_view::npos) return {};
  auto const count = to_number(text.substr(0, slash));
  auto const unit = text.substr(slash + 1);
  Duration const period = unit == "s"     ? std::chrono::seconds(1)
                          : unit == "min" ? std::chrono::minutes(1)
                          : unit == "h"   ? std::chrono::hours(1)
                                          : Duration::zero();
  if (!count || *count == 0 || *count > 1'000'000'000 || period == Duration::zero()) return {};
  return Rate{*count, period};
}

std::optional<NumberSet> NumberSet::parse(std::string_view text) {
  NumberSet set;
  for (auto const word : split(text, ',')) {
    Part part;
    auto const dash = word.find('-');
    auto const from = to_number(word.substr(0, dash));
    if (word.starts_with('%')) {
      auto const every = to_number(word.substr(1));
      if (!every || *every == 0) return {};
      part = {1, UINT64_MAX, *every};
    } else if (!from) {
      return {};
    } else if (dash == std::string_view::npos) {
      part = {*from, *from, 0};
    } else if (dash + 1 == word.size()) {
      part = {*from, UINT64_MAX, 0};
    } else {
      auto const to = to_number(word.substr(dash + 1));
      if (!to || *to < *from) return {};
      part = {*from, *to, 0};
    }
    set.parts_.push_back(part);
  }
  return set;
}

bool NumberSet::contains(std::uint64_t n) const {
  return std::any_of(parts_.begin(), parts_.end(), [n](Part const& part) {
    return n >= part.first && n <= part.last && (part.every == 0 || n % part.every == 0);
  });
}

bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || same_letter(pattern[p], text[t]))) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::string_view domain_part(std::string_view address) {
  auto const at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

std::optional<AddressGlobs> AddressGlobs::parse(std::string_view comma_separated) {
  AddressGlobs globs;
  for (auto const pattern : split(comma_separated, ',')) {
    if (pattern.empty()) return {};
    globs.patterns_.emplace_back(pattern);
  }
  return globs;
}

bool AddressGlobs::matches(std::string_view address) const {
  return std::any_of(patterns_.begin(), patterns_.end(), [&](std::string const& pattern) {
    if (pattern == "<>") return address.empty();
    bool const whole = pattern == "*" || pattern.find('@') != std::string::npos;
    return glob_matches(pattern, whole ? address : domain_part(address));
  });
}

}  // namespace mailpool::fakemx
