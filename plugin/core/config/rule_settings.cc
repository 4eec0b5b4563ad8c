#include "core/config/rule_settings.h"

#include <fmt/format.h>

#include "core/base/text.h"

namespace mailpool {

std::string_view name_of(RuleAction action) {
  switch (action) {
    case RuleAction::Suspend:
      return "suspend";
    case RuleAction::BackOff:
      return "back_off";
    case RuleAction::Set:
      return "set";
  }
  return "";
}

std::string_view name_of(RuleScope scope) {
  switch (scope) {
    case RuleScope::Path:
      return "path";
    case RuleScope::Site:
      return "site";
    case RuleScope::SenderDomain:
      return "sender_domain";
    case RuleScope::Source:
      return "source";
    case RuleScope::Tenant:
      return "tenant";
    case RuleScope::Campaign:
      return "campaign";
  }
  return "";
}

Result<Threshold> Threshold::parse(std::string_view text) {
  static constexpr std::uint64_t most = 1000;  // each is remembered by its time
  if (text.empty()) return Threshold{};
  auto const rate = Rate::parse(text);
  bool const has_burst = text.find(',') != std::string_view::npos;
  if (!rate || has_burst)
    return failed(fmt::format("\"{}\" is not a number of replies in a time", printable(text, 64)));
  if (rate->count > most) return failed(fmt::format("{} replies are too many", rate->count));
  return Threshold{static_cast<std::uint32_t>(rate->count), rate->per};
}

std::string Threshold::to_string() const {
  if (*this == Threshold{}) return {};
  return Rate{count, within, 0}.to_string();
}

std::string RuleSettings::where() const {
  return fmt::format("{}:{}", place.file, place.line);
}

}  // namespace mailpool
