#include "poolctl/nagios.h"

#include <fmt/format.h>

#include <algorithm>

#include "poolctl/words.h"

namespace mailpool::poolctl {
namespace {

using control::Finding;
using Level = control::Finding::Level;

// A bar begins figures, in the first line and in all others.
std::string without_bars(std::string text) {
  std::replace(text.begin(), text.end(), '|', '/');
  return text;
}

}  // namespace

NagiosAnswer nagios_answer(std::vector<Finding> const& findings) {
  std::uint64_t mistakes = 0;
  std::uint64_t warnings = 0;
  Finding const* first = nullptr;
  std::string details;
  for (auto const& finding : findings) {
    if (finding.level == Level::Good || finding.level == Level::Note) continue;
    auto& count = finding.level == Level::Mistake ? mistakes : warnings;
    if (first == nullptr || (finding.level == Level::Mistake && mistakes == 0)) first = &finding;
    ++count;
    details += fmt::format("{}: {}: {}{}\n", name_of(finding.level), finding.area,
                           without_bars(finding.text),
                           finding.mend.empty() ? "" : "; mend: " + without_bars(finding.mend));
  }
  int const code = mistakes > 0 ? 2 : warnings > 0 ? 1 : 0;
  auto const* word = code == 2 ? "CRITICAL" : code == 1 ? "WARNING" : "OK";
  auto const what =
      first == nullptr
          ? std::string("nothing to mend")
          : fmt::format("{}, {}: {}", counted(mistakes, "mistake", "mistakes"),
                        counted(warnings, "warning", "warnings"), without_bars(first->text));
  return {code, fmt::format("MAILPOOL {} - {} | mistakes={} warnings={}\n{}", word, what, mistakes,
                            warnings, details)};
}

}  // namespace mailpool::poolctl
