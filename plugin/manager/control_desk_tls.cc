// What an operator is told about TLS: reports of a day, and what a recipient's way requires.

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/control/tls_report.h"
#include "core/message/address.h"
#include "manager/control_desk.h"

namespace mailpool::manager {

Result<std::string> ControlDesk::tls_report(std::string const& name, std::string const& day) {
  auto const domain = canonical_domain(name);
  if (!domain) return failed(domain.error().reason);
  auto const today = tls::day_of(clock_.wall(clock_.now()));
  auto const wanted = day.empty() ? std::optional(today) : tls::day_of_text(day);
  if (!wanted)
    return failed(
        fmt::format("\"{}\" is not a day such as {}", printable(day, 20), tls::text_of_day(today)));
  auto const& reports = dispatcher_.context().tls.reports;
  auto const counts = reports.of(*domain, *wanted);
  if (counts.empty())
    return failed(fmt::format("no session with {} on {}; {} days are kept", *domain,
                              tls::text_of_day(*wanted), tls::days_kept));
  return control::tls_report_json({settings_.hostname, *domain, *wanted}, counts);
}

}  // namespace mailpool::manager
