#include "manager/certificate_findings.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "core/base/text.h"

namespace mailpool::manager {
namespace {

using control::Finding;

constexpr auto mend = "renew it under its name and run: poolctl reload";

Finding finding_of(TlsClient::Shown const& shown, WallTime now) {
  auto const what = fmt::format("{} certificate {}", shown.section, printable(shown.file));
  auto const day =
      fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::chrono::system_clock::to_time_t(shown.end)));
  if (shown.end <= now)
    return {Finding::Level::Mistake, "tls",
            fmt::format("{} has expired on {}: a server that asks for it will not believe it", what,
                        day),
            mend};
  auto const left = std::chrono::floor<std::chrono::hours>(shown.end - now);
  if (left < certificate_ends_soon)
    return {Finding::Level::Warning, "tls",
            fmt::format("{} ends on {}, in {}", what, day, to_text(left)), mend};
  return {Finding::Level::Good, "tls", fmt::format("{} is valid until {}", what, day), ""};
}

}  // namespace

std::vector<Finding> certificate_findings(std::vector<TlsClient::Shown> const& shown,
                                          WallTime now) {
  std::vector<Finding> findings;
  for (auto const& one : shown) findings.push_back(finding_of(one, now));
  return findings;
}

}  // namespace mailpool::manager
