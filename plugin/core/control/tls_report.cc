#include "core/control/tls_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/base/text.h"

namespace mailpool::control {
namespace {

using Json = nlohmann::ordered_json;

Json details_of(tls::FailureCount const& count) {
  Json details = Json::object();
  details["result-type"] = name_of(count.failure);
  auto const& ends = count.ends;
  auto const add = [&](char const* name, std::string const& value, std::size_t longest) {
    if (!value.empty()) details[name] = printable(value, longest);
  };
  add("sending-mta-ip", ends.sender, 64);
  add("receiving-mx-hostname", ends.host, 255);
  add("receiving-mx-helo", ends.host_says, 255);
  add("receiving-ip", ends.address, 64);
  details["failed-session-count"] = count.sessions;
  add("failure-reason-code", count.details, 200);
  return details;
}

// The mx patterns stand in the policy's own lines.
Json mx_hosts_of(tls::PolicyText const& policy) {
  Json hosts = Json::array();
  for (auto const& line : policy.lines)
    if (line.starts_with("mx: ")) hosts.push_back(printable(line.substr(4), 255));
  return hosts;
}

Json policy_of(std::string const& domain, tls::PolicyCount const& count) {
  Json policy = Json::object();
  policy["policy-type"] = count.policy.type;
  if (!count.policy.lines.empty()) {
    policy["policy-string"] = Json::array();
    for (auto const& line : count.policy.lines)
      policy["policy-string"].push_back(printable(line, 1024));
  }
  policy["policy-domain"] = count.policy.domain.empty() ? domain : count.policy.domain;
  if (auto hosts = mx_hosts_of(count.policy); !hosts.empty()) policy["mx-host"] = std::move(hosts);
  Json whole = Json::object();
  whole["policy"] = std::move(policy);
  whole["summary"] = {{"total-successful-session-count", count.successes},
                      {"total-failure-session-count", count.failures}};
  if (!count.details.empty()) {
    whole["failure-details"] = Json::array();
    for (auto const& details : count.details)
      whole["failure-details"].push_back(details_of(details));
  }
  return whole;
}

}  // namespace

std::string tls_report_json(TlsReportHead const& head,
                            std::vector<tls::PolicyCount> const& counts) {
  auto const day = tls::text_of_day(head.day);
  Json report = Json::object();
  report["organization-name"] = head.organization;
  report["date-range"] = {{"start-datetime", day + "T00:00:00Z"},
                          {"end-datetime", day + "T23:59:59Z"}};
  report["contact-info"] = "postmaster@" + head.organization;
  report["report-id"] = fmt::format("{}.{}@{}", day, head.domain, head.organization);
  report["policies"] = Json::array();
  for (auto const& count : counts) report["policies"].push_back(policy_of(head.domain, count));
  return report.dump();
}

}  // namespace mailpool::control
