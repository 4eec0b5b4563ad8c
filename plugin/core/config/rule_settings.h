#pragma once
// [[rule]]: what to do when a server says something.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/config/rate.h"
#include "core/message/remark.h"

namespace mailpool {

enum class RuleAction : std::uint8_t {
  Suspend,  ///< nothing goes there for a time
  BackOff,  ///< the host that said it is left alone for a time; the others go on
  Set,      ///< tighter limits for a time
};
[[nodiscard]] std::string_view name_of(RuleAction action);

/// Whose mail a rule of a site concerns when it acts. A message that has no such sender domain,
/// tenant or campaign: the path.
enum class RuleScope : std::uint8_t {
  Path,          ///< what leaves from the same source to the site; all of it without sources
  Site,          ///< all mail to the site, whatever its source
  Source,        ///< what leaves from the same source, to all sites
  SenderDomain,  ///< the mail of the envelope sender's domain to the site
  Tenant,        ///< the tenant's mail to the site
  Campaign,      ///< the campaign's mail to the site
};
[[nodiscard]] std::string_view name_of(RuleScope scope);

/// "3/h": so many replies within so long a time; once is enough without one.
struct Threshold {
  std::uint32_t count = 1;
  Duration within = std::chrono::hours(1);
  static Result<Threshold> parse(std::string_view text);  ///< "" is once
  [[nodiscard]] std::string to_string() const;            ///< "" for once
  bool operator==(Threshold const&) const = default;
};

/// Limits for the time being; they only ever tighten the configured ones.
struct RuleLimits {
  Rate rate;
  std::optional<std::uint32_t> max_connections;
  std::optional<std::uint32_t> max_messages;
  [[nodiscard]] bool is_empty() const {
    return !rate.is_limited() && !max_connections && !max_messages;
  }
  bool operator==(RuleLimits const&) const = default;
};

/// Where it stands in the files; does not make it another rule.
struct RulePlace {
  std::string file;
  unsigned line = 0;        ///< of [[rule]]
  unsigned reply_line = 0;  ///< of its pattern
  bool operator==(RulePlace const&) const { return true; }
};

inline constexpr std::string_view every_site = "*";

struct RuleSettings {
  std::string site;        ///< a [site.NAME], or "*"; "" where it is of a domain
  std::string domain;      ///< a recipient domain
  std::string reply;       ///< a regular expression (RE2), found anywhere in "CODE TEXT"
  std::optional<Step> at;  ///< none: wherever it is said
  Threshold after;
  std::optional<RuleAction> action;  ///< `do`; always there in settings without mistakes
  Duration how_long = std::chrono::hours(1);
  RuleLimits set;
  RuleScope scope = RuleScope::Path;
  std::string reason;  ///< for the operator; "": the reply itself
  RulePlace place;

  /// "FILE:LINE", for logs and reasons.
  [[nodiscard]] std::string where() const;
  bool operator==(RuleSettings const&) const = default;
};

}  // namespace mailpool
