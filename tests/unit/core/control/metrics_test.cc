#include "core/control/metrics.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/base/text.h"
#include "core/control/metric_families.h"

using namespace mailpool;
using namespace mailpool::control;

namespace {

// The value of one sample, as text; "" if it is not there.
std::string value(std::string const& page, std::string const& sample) {
  auto const at = page.find("\n" + sample + " ");
  if (at == std::string::npos) return {};
  auto const from = at + sample.size() + 2;
  return page.substr(from, page.find('\n', from) - from);
}

SiteStatus site(std::string name, std::uint64_t delivered, bool named = false) {
  SiteStatus s;
  s.site = std::move(name);
  s.delivered = delivered;
  s.opened = delivered;
  s.is_named = named;
  return s;
}

std::string const delivered_to = "mailpool_site_recipients_total{site=\"";
std::string const end_of_labels = "\",outcome=\"delivered\"}";

}  // namespace

BOOST_AUTO_TEST_SUITE(control_metrics)

BOOST_AUTO_TEST_CASE(totals_and_states_are_there_under_the_words_of_poolctl) {
  ManagerStatus status;
  status.state = "running";
  status.totals = {1, 2, 3, 4, 5, 6, 7, 8, 9, 30, 12};
  status.connections = {1, 2, 3, 4, 5};
  status.dns_validation = "on";
  auto const page = Metrics().text(status);
  BOOST_TEST(value(page, "mailpool_messages_total") == "1");
  BOOST_TEST(value(page, "mailpool_recipients_total{outcome=\"deferred\"}") == "3");
  BOOST_TEST(value(page, "mailpool_connections{state=\"busy\"}") == "3");
  BOOST_TEST(value(page, "mailpool_connections_reused_total") == "8");
  BOOST_TEST(value(page, "mailpool_tls_handshakes_total{resumed=\"no\"}") == "18");
  BOOST_TEST(value(page, "mailpool_tls_handshakes_total{resumed=\"yes\"}") == "12");
  BOOST_TEST(value(page, "mailpool_state{state=\"running\"}") == "1");
  BOOST_TEST(value(page, "mailpool_state{state=\"draining\"}") == "0");
  BOOST_TEST(value(page, "mailpool_dns_validation") == "1");
}

BOOST_AUTO_TEST_CASE(every_family_is_described_once_and_every_sample_belongs_to_one) {
  ManagerStatus status;
  status.sites = {site("google", 3), site("b", 1)};
  auto const page = Metrics().text(status);
  std::set<std::string_view> families;
  std::string_view current;
  for (auto line : split(page, '\n')) {
    if (line.empty()) continue;
    auto const words = split(line, ' ');
    if (words[1] == "HELP") {
      current = words[2];
      BOOST_TEST(families.insert(current).second, line);
    } else if (line[0] != '#') {
      auto name = line.substr(0, line.find_first_of("{ "));
      for (std::string_view const of_histogram : {"_bucket", "_sum", "_count"})
        if (name.ends_with(of_histogram) && !current.ends_with(of_histogram))
          name.remove_suffix(of_histogram.size());
      BOOST_TEST(name == current, line);
    }
  }
  BOOST_TEST(page.back() == '\n');
}

BOOST_AUTO_TEST_CASE(how_long_things_took_is_told_of_all_and_of_each_site) {
  Measured measured;
  measured.times.delivery.add(std::chrono::milliseconds(20));
  measured.times.delivery.add(std::chrono::seconds(1000));
  measured.turns.add(std::chrono::microseconds(500));
  measured.sites["google"].times = measured.times;
  measured.sites["rests"];
  auto const page = Metrics().text({}, Exposition::Text, measured);
  BOOST_TEST(value(page, "mailpool_delivery_seconds_bucket{le=\"0.01\"}") == "0");
  BOOST_TEST(value(page, "mailpool_delivery_seconds_bucket{le=\"1.0\"}") == "1");
  BOOST_TEST(value(page, "mailpool_delivery_seconds_bucket{le=\"+Inf\"}") == "2");
  BOOST_TEST(value(page, "mailpool_delivery_seconds_count") == "2");
  BOOST_TEST(value(page, "mailpool_delivery_seconds_sum") == "1000.02");
  BOOST_TEST(value(page, "mailpool_loop_turn_seconds_count") == "1");
  BOOST_TEST(value(page, "mailpool_site_delivery_seconds_bucket{site=\"google\",le=\"0.025\"}") ==
             "1");
  BOOST_TEST(value(page, "mailpool_site_delivery_seconds_count{site=\"google\"}") == "2");
  BOOST_TEST(value(page, "mailpool_site_wait_seconds_count{site=\"google\"}") == "0");
  BOOST_TEST(page.find("site=\"rests\"") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(classes_paths_rules_tenants_and_campaigns_are_counted_by_name) {
  Measured measured;
  auto& google = measured.sites["google"];
  google.refusals["rate_limited"] = 4;
  google.paths = {{"west", {1, 2, 3}, 5, 8, 0.5, 0.25}, {"", {}, 1, 3, 0, 1}};
  measured.rules["/etc/mailpool/\"x\".toml:7"] = 6;
  measured.process = {1.5, 1e9, 4096, 7, 1024};
  ManagerStatus status;
  status.tenants.resize(1);
  status.tenants[0].tenant = "shop";
  status.tenants[0].refused = 8;
  status.campaigns.resize(3);
  for (auto i : {0, 1, 2}) {
    auto& campaign = status.campaigns[static_cast<std::size_t>(i)];
    campaign.campaign = "c" + std::to_string(i);
    campaign.delivered = 9;
  }
  auto const page = Metrics(2).text(status, Exposition::Text, measured);
  BOOST_TEST(value(page, "mailpool_site_refusals_total{site=\"google\",class=\"rate_limited\"}") ==
             "4");
  std::string const path = "{site=\"google\",source=\"west\"";
  BOOST_TEST(value(page, "mailpool_path_recipients_total" + path + ",outcome=\"deferred\"}") ==
             "2");
  BOOST_TEST(value(page, "mailpool_path_connections" + path + "}") == "5");
  BOOST_TEST(value(page, "mailpool_path_connections_limit" + path + "}") == "8");
  BOOST_TEST(value(page, "mailpool_path_rate_limit" + path + "}") == "0.5");
  BOOST_TEST(value(page, "mailpool_path_level" + path + "}") == "0.25");
  std::string const own = "{site=\"google\",source=\"\"}";
  BOOST_TEST(value(page, "mailpool_path_connections" + own) == "1");
  BOOST_TEST(value(page, "mailpool_path_rate_limit" + own).empty(), "it has none");
  BOOST_TEST(page.find("mailpool_path_recipients_total{site=\"google\",source=\"\"") ==
             std::string::npos);
  BOOST_TEST(value(page, R"(mailpool_rule_acted_total{rule="/etc/mailpool/\"x\".toml:7"})") == "6");
  BOOST_TEST(value(page, "mailpool_tenant_recipients_total{tenant=\"shop\",outcome=\"refused\"}") ==
             "8");
  std::string const campaigns = "mailpool_campaign_recipients_total{campaign=\"";
  BOOST_TEST(value(page, campaigns + "c1\",outcome=\"delivered\"}") == "9");
  BOOST_TEST(value(page, campaigns + "c2\",outcome=\"delivered\"}").empty(), "beyond the bound");
  BOOST_TEST(value(page, "process_cpu_seconds_total") == "1.5");
  BOOST_TEST(value(page, "process_resident_memory_bytes") == "4096");
  BOOST_TEST(value(page, "process_open_fds") == "7");
}

BOOST_AUTO_TEST_CASE(a_campaign_keeps_its_label_while_it_is_shown) {
  Metrics metrics(2);
  auto const labels_of = [&](std::vector<std::string> const& shown) {
    ManagerStatus status;
    for (auto const& name : shown) status.campaigns.emplace_back().campaign = name;
    auto const page = metrics.text(status);
    std::string found;
    for (auto const& name : {"a", "b", "c", "d"})
      if (page.find("campaign=\"" + std::string(name) + "\"") != std::string::npos) found += name;
    return found;
  };
  BOOST_TEST(labels_of({"a", "b", "c"}) == "ab");
  BOOST_TEST(labels_of({"d", "c", "b", "a"}) == "ab", "whoever is first now");
  BOOST_TEST(labels_of({"d", "c", "b"}) == "bd", "one that is gone makes room");
}

BOOST_AUTO_TEST_CASE(hostile_names_neither_break_the_format_nor_multiply_the_labels) {
  ManagerStatus status;
  for (int i = 0; i < 100000; ++i) status.sites.push_back(site("mx" + std::to_string(i), 1));
  status.sites[0].site = "a\"} 1\nmailpool_messages_total 9";
  status.totals.delivered = 100000;
  Metrics metrics(50);
  for (int round = 0; round < 3; ++round) {
    auto const page = metrics.text(status);
    BOOST_TEST(page.size() < 65536U);
    BOOST_TEST(page.find("\nmailpool_messages_total 9") == std::string::npos);
    BOOST_TEST(page.find(R"(site="a\"} 1?mailpool)") != std::string::npos);
    BOOST_TEST(value(page, delivered_to + "other" + end_of_labels) == "99950");
    std::reverse(status.sites.begin() + 1, status.sites.end());
  }
}

BOOST_AUTO_TEST_CASE(sites_of_the_configuration_get_a_label_before_the_busiest) {
  ManagerStatus status;
  status.sites = {site("busy", 900), site("busier", 800), site("google", 0, true)};
  auto const page = Metrics(2).text(status);
  BOOST_TEST(value(page, delivered_to + "google" + end_of_labels) == "0");
  BOOST_TEST(value(page, delivered_to + "busy" + end_of_labels) == "900");
  BOOST_TEST(value(page, delivered_to + "busier" + end_of_labels).empty());
}

BOOST_AUTO_TEST_CASE(fewer_labels_than_before_take_none_away_and_more_are_given_at_once) {
  ManagerStatus status;
  status.sites = {site("a", 10), site("b", 20), site("c", 30)};
  status.totals.delivered = 60;
  Metrics metrics(2);
  auto has = [&](std::string const& name) {
    return !value(metrics.text(status), delivered_to + name + end_of_labels).empty();
  };
  BOOST_TEST((has("a") && has("b") && !has("c")));
  metrics.set_most_sites(1);
  BOOST_TEST((has("a") && has("b")));
  metrics.set_most_sites(3);
  BOOST_TEST((has("a") && has("b") && has("c")));
}

BOOST_AUTO_TEST_CASE(no_counter_runs_backwards_when_sites_come_and_go) {
  Metrics metrics(1);
  ManagerStatus status;
  auto other = [&] {
    return std::stoull(value(metrics.text(status), delivered_to + "other" + end_of_labels));
  };
  status.totals.delivered = 30;
  status.sites = {site("a", 10), site("b", 20)};
  BOOST_TEST(other() == 20U);
  // "a" is forgotten for a while; its label waits.
  status.sites = {};
  BOOST_TEST(other() == 20U);
  // "b" takes the label over; what "a" and "b" have counted is not counted again.
  status.sites = {site("b", 20)};
  BOOST_TEST(other() == 20U);
  status.totals.delivered = 31;
  status.sites = {site("b", 21)};
  BOOST_TEST(other() == 20U);
  // "b" is known anew, from nothing.
  status.totals.delivered = 32;
  status.sites = {site("b", 1)};
  BOOST_TEST(other() == 20U);
}

BOOST_AUTO_TEST_CASE(imap_counters_are_of_profiles_and_do_not_run_backwards_when_users_go) {
  ManagerStatus status;
  ImapProfileStatus bounces;
  bounces.profile = "bounces";
  bounces.idle = 2;
  bounces.counts = {7, 5, 1, {{"eof", 3}}};
  status.imap.profiles.push_back(bounces);
  auto const page = Metrics().text(status);
  BOOST_TEST(value(page, "mailpool_imap_connections{profile=\"bounces\",state=\"idle\"}") == "2");
  BOOST_TEST(value(page, "mailpool_imap_logins_total{profile=\"bounces\"}") == "7");
  BOOST_TEST(value(page, "mailpool_imap_reused_total{profile=\"bounces\"}") == "5");
  BOOST_TEST(value(page, "mailpool_imap_logins_refused_total{profile=\"bounces\"}") == "1");
  BOOST_TEST(value(page, "mailpool_imap_discarded_total{profile=\"bounces\",reason=\"eof\"}") ==
             "3");
}

BOOST_AUTO_TEST_CASE(imap_profiles_that_programs_ask_for_share_a_label_also_when_forgotten) {
  ManagerStatus status;
  for (auto const* name : {"dynamic:one:993", "dynamic:two:993"}) {
    ImapProfileStatus profile;
    profile.profile = name;
    profile.clients = 1;
    profile.counts.created = 2;
    status.imap.profiles.push_back(profile);
  }
  status.imap.forgotten.created = 10;
  auto const page = Metrics().text(status);
  BOOST_TEST(value(page, "mailpool_imap_logins_total{profile=\"dynamic\"}") == "14");
  BOOST_TEST(value(page, "mailpool_imap_clients{profile=\"dynamic\"}") == "2");
  BOOST_TEST(page.find("one:993") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(events_are_counted_where_they_are_told) {
  ManagerStatus status;
  BOOST_TEST(Metrics().text(status).find("events_") == std::string::npos);
  status.events = {{"file", "/var/log/a.jsonl", "", 12, 3}};
  auto const page = Metrics().text(status);
  BOOST_TEST(value(page, "mailpool_events_written_total{output=\"file\"}") == "12");
  BOOST_TEST(value(page, "mailpool_events_dropped_total{output=\"file\"}") == "3");
}

BOOST_AUTO_TEST_CASE(a_broken_limit_is_counted) {
  ManagerStatus status;
  status.sites = {site("a", 0), site("b", 0)};
  status.sites[0].max_connections = 2;
  status.sites[0].connections.idle = 2;
  status.sites[1].max_connections = 2;
  status.sites[1].connections.busy = 3;
  status.sites[1].in_flight = 4;
  auto const page = Metrics().text(status);
  BOOST_TEST(value(page, "mailpool_invariant_violations{rule=\"max_connections\"}") == "1");
  BOOST_TEST(value(page, "mailpool_invariant_violations{rule=\"lease\"}") == "1");
}

// The family that a sample is of, as the table names it.
std::string family_of(std::string_view line) {
  auto name = line.substr(0, line.find_first_of("{ "));
  if (name.starts_with("mailpool_")) name.remove_prefix(std::string_view("mailpool_").size());
  for (std::string_view const of_histogram : {"_seconds_bucket", "_seconds_sum", "_seconds_count"})
    if (name.ends_with(of_histogram))
      name.remove_suffix(of_histogram.size() - std::string_view("_seconds").size());
  return std::string(name);
}

Measured something_of_everything() {
  Measured measured;
  measured.rules["f:1"] = 1;
  auto& site = measured.sites["google"];
  site.times.emplace();
  site.refusals["rate_limited"] = 1;
  site.paths = {{"west", {}, 0, 1, 1, 1}};
  measured.process = {1, 1, 1, 1, 1};
  return measured;
}

// Each family of the table is written, and nothing else; with the type and labels that the manual
// says.
BOOST_AUTO_TEST_CASE(the_page_is_what_the_table_says) {
  ManagerStatus status;
  status.sites = {site("google", 3)};
  ImapProfileStatus bounces;
  bounces.profile = "bounces";
  bounces.counts = {7, 5, 1, {{"eof", 3}}};
  status.imap.profiles.push_back(bounces);
  status.events = {{"file", "/var/log/a.jsonl", "", 2, 1}};
  status.tenants.resize(1);
  status.campaigns.resize(1);
  SourceStatus source;
  source.source = "new";
  source.warm_up = 50;
  source.warm_ups_held = 2;
  status.sources.push_back(source);
  BOOST_TEST(value(Metrics().text(status), "mailpool_warm_ups_held{source=\"new\"}") == "2");
  for (auto const format : {Exposition::Text, Exposition::OpenMetrics}) {
    auto const page = Metrics().text(status, format, something_of_everything());
    std::vector<std::string> written;
    for (auto line : split(page, '\n')) {
      if (line.empty() || line[0] == '#') continue;
      auto const name = family_of(line);
      if (written.empty() || written.back() != name) written.push_back(name);
      std::string labels;
      for (std::size_t at = 0; (at = line.find("=\"", at)) != std::string_view::npos; ++at) {
        auto const from = line.find_last_of("{,", at) + 1;
        auto const label = line.substr(from, at - from);
        if (label != "le") labels += (labels.empty() ? "" : ", ") + std::string(label);
      }
      BOOST_TEST(labels == metric_family(name).labels, line);
    }
    std::vector<std::string> expected;
    for (auto const& family : metric_families()) expected.emplace_back(family.name);
    BOOST_TEST(written == expected, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(open_metrics_describes_counters_without_their_suffix_and_has_an_end) {
  ManagerStatus status;
  status.totals.messages = 4;
  auto const page = Metrics().text(status, Exposition::OpenMetrics);
  BOOST_TEST(page.find("\n# TYPE mailpool_messages counter\nmailpool_messages_total 4\n") !=
             std::string::npos);
  BOOST_TEST(page.ends_with("\n# EOF\n"));
  BOOST_TEST(Metrics().text(status).find("# EOF") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
