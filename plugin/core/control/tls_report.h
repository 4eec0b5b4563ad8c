#pragma once
// A TLS report as RFC 8460 4 writes it: one policy domain, one day.

#include <string>
#include <vector>

#include "core/tls/reports.h"

namespace mailpool::control {

/// What stands above the counts.
struct TlsReportHead {
  std::string organization;  ///< who sends: the name of EHLO
  std::string domain;
  tls::Day day = 0;
};

/// JSON in one line. A day without sessions has no policies. Of the optional fields,
/// additional-information is never there: it is for a page on the Web.
[[nodiscard]] std::string tls_report_json(TlsReportHead const& head,
                                          std::vector<tls::PolicyCount> const& counts);

}  // namespace mailpool::control
