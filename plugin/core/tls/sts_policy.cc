#include "core/tls/sts_policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/tls/names.h"

namespace mailpool::tls {
namespace {

constexpr std::size_t most_mx = 1000;
constexpr std::size_t longest_id = 32;
constexpr std::size_t longest_name = 253;

bool is_alphanumeric(char c) {
  auto const lower = ascii_lower(c);
  return is_digit(c) || (lower >= 'a' && lower <= 'z');
}

// Letters, digits, hyphens and underscores in labels; "*." before them (RFC 8461 3.2, sts-mx).
bool is_mx_pattern(std::string_view pattern) {
  if (pattern.starts_with("*.")) pattern.remove_prefix(2);
  if (pattern.empty() || pattern.size() > longest_name) return false;
  for (auto const label : split(pattern, '.')) {
    if (label.empty() || label.size() > 63) return false;
    if (!std::all_of(label.begin(), label.end(),
                     [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; }))
      return false;
  }
  return true;
}

std::optional<StsMode> mode_of(std::string_view text) {
  for (auto mode : {StsMode::None, StsMode::Testing, StsMode::Enforce})
    if (name_of(mode) == text) return mode;
  return std::nullopt;
}

/// The fields as they are read, each at most once but mx.
struct Reading {
  StsPolicy policy;
  bool has_version = false;
  bool has_mode = false;
  bool has_max_age = false;

  Result<void> take(std::string_view key, std::string_view value);
  [[nodiscard]] Result<StsPolicy> finish();
};

Result<void> Reading::take(std::string_view key, std::string_view value) {
  if (key == "version") {
    if (value != "STSv1")
      return failed(fmt::format("version \"{}\" is not known", printable(value, 40)));
    has_version = true;
  } else if (key == "mode" && !has_mode) {
    auto const mode = mode_of(value);
    if (!mode) return failed(fmt::format("mode \"{}\" is not known", printable(value, 40)));
    policy.mode = *mode;
    has_mode = true;
  } else if (key == "max_age" && !has_max_age) {
    auto const seconds = to_number(value);
    if (!seconds || value.size() > 10)
      return failed(fmt::format("max_age \"{}\" is no number", printable(value, 40)));
    constexpr std::uint64_t most =
        std::chrono::duration_cast<std::chrono::seconds>(longest_max_age).count();
    policy.max_age = std::chrono::seconds(std::min(*seconds, most));
    has_max_age = true;
  } else if (key == "mx") {
    if (!is_mx_pattern(value))
      return failed(fmt::format("mx \"{}\" is no host name", printable(value, 80)));
    if (policy.mx.size() == most_mx) return failed(fmt::format("more than {} mx lines", most_mx));
    policy.mx.push_back(ascii_lower(value));
  }
  return {};
}

Result<StsPolicy> Reading::finish() {
  if (!has_version) return failed("no version");
  if (!has_mode) return failed("no mode");
  if (!has_max_age) return failed("no max_age");
  if (policy.mode != StsMode::None && policy.mx.empty()) return failed("no mx");
  return std::move(policy);
}

}  // namespace

std::string_view name_of(StsMode mode) {
  switch (mode) {
    case StsMode::None:
      return "none";
    case StsMode::Testing:
      return "testing";
    case StsMode::Enforce:
      return "enforce";
  }
  return "";
}

// Key and value lines, ended by LF or CRLF (RFC 8461 3.2). Unknown keys are passed over; a line
// without a colon is none of a policy.
Result<StsPolicy> parse_sts_policy(std::string_view text) {
  if (text.size() > longest_sts_policy)
    return failed(fmt::format("longer than {} octets", longest_sts_policy));
  Reading reading;
  for (auto line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (trimmed(line).empty()) continue;
    auto const colon = line.find(':');
    if (colon == std::string_view::npos)
      return failed(fmt::format("\"{}\" is not a key and a value", printable(line, 80)));
    if (auto taken = reading.take(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
        !taken)
      return tl::make_unexpected(taken.error());
  }
  return reading.finish();
}

std::optional<std::string> parse_sts_record(std::string_view text) {
  std::optional<std::string> id;
  bool is_first = true;
  for (auto const field : split(text, ';')) {
    auto const assignment = trimmed(field);
    if (is_first && assignment != "v=STSv1") return std::nullopt;
    is_first = false;
    auto const equals = assignment.find('=');
    if (equals == std::string_view::npos || trimmed(assignment.substr(0, equals)) != "id") continue;
    auto const value = trimmed(assignment.substr(equals + 1));
    if (id || value.empty() || value.size() > longest_id ||
        !std::all_of(value.begin(), value.end(), is_alphanumeric))
      return std::nullopt;
    id = std::string(value);
  }
  return id;
}

// RFC 8461 3.1: records that do not begin with "v=STSv1;" are discarded; if the number of those
// left is not one, there is no policy.
std::optional<std::string> sts_id_of(std::vector<std::string> const& texts) {
  std::string const* found = nullptr;
  for (auto const& text : texts) {
    if (!text.starts_with("v=STSv1")) continue;
    if (found != nullptr) return std::nullopt;
    found = &text;
  }
  return found == nullptr ? std::nullopt : parse_sts_record(*found);
}

bool lists(StsPolicy const& policy, std::string_view host) {
  return std::any_of(policy.mx.begin(), policy.mx.end(),
                     [&](std::string const& pattern) { return name_fits(pattern, host); });
}

}  // namespace mailpool::tls
