#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>

#include "poolctl/postfix_commands.h"
#include "poolctl/postfix_config.h"
#include "poolctl/postfix_wiring.h"

using namespace mailpool::poolctl;

namespace {

/// Answers as a stock Postfix 3.7.11 of Debian 12 did; a test changes what it is about.
class Recorded final : public CommandRunner {
 public:
  std::map<std::string, std::string> answers{
      {"postconf -h mail_version", "3.7.11\n"},
      {"postconf -h default_transport", "smtp\n"},
      {"postconf -h queue_directory", "/nonexistent\n"},
      {"postconf -h address_verify_default_transport", "$default_transport\n"},
      {"postconf -h address_verify_transport_maps", "$transport_maps\n"},
      {"postconf -m", "btree\ncidr\nhash\nmailpool\ntexthash\n"},
      {"postconf -F lmtp/unix/chroot", "lmtp/unix/chroot = y\n"},
  };
  std::vector<std::string> asked;

  using CommandRunner::run;
  CommandResult run(std::vector<std::string> const& words, std::string const&) override {
    asked.push_back(quoted(words));
    auto const known = answers.find(asked.back());
    return {0, known != answers.end() ? known->second : "", ""};
  }
};

WiringPlan plan_with(Recorded& postfix, WiringMode mode = WiringMode::Table) {
  PostfixConfig config(postfix, "", true, [](std::string const&) {});
  return plan_wiring(config, mode);
}

std::string value_of(WiringPlan const& plan, std::string const& name) {
  for (auto const& [parameter, value] : plan.parameters)
    if (parameter == name) return value.value_or("(removed)");
  return "(not changed)";
}

bool is_refused(WiringPlan const& plan, std::string_view word) {
  for (auto const& [what, mend] : plan.refusals)
    if (what.find(word) != std::string::npos && !mend.empty()) return true;
  return false;
}

std::vector<std::string> entries_of(WiringPlan const& plan) {
  std::vector<std::string> entries;
  for (auto const& service : plan.services) entries.push_back(service.entry);
  return entries;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(postfix)

BOOST_AUTO_TEST_CASE(a_list_of_tables_is_split_outside_braces_only) {
  std::vector<std::string> const three{"hash:/a", "inline:{ {x = y, z}, b=c }",
                                       "mailpool:mailpool/map"};
  BOOST_TEST(elements_of("hash:/a, inline:{ {x = y, z}, b=c }\n  mailpool:mailpool/map") == three);
  BOOST_TEST(elements_of(" ,, ").empty());
  BOOST_TEST(elements_of("a}b c").size() == 2U);
}

BOOST_AUTO_TEST_CASE(commands_are_shown_as_a_shell_wants_them) {
  BOOST_TEST(quoted({"postconf", "-e", "a = b"}) == "postconf -e 'a = b'");
  BOOST_TEST(quoted({"x", "it's", ""}) == "x 'it'\\''s' ''");
}

BOOST_AUTO_TEST_CASE(programs_are_run_without_a_shell_and_read_whole) {
  SystemCommands system;
  BOOST_TEST(system.run({"echo", "$HOME; *"}).output == "$HOME; *\n");
  std::string const much(300'000, 'x');
  BOOST_TEST(system.run({"cat"}, much).output == much);
  BOOST_TEST(system.run({"false"}).exit_code == 1);
  BOOST_TEST(system.run({"/nonexistent/program"}).exit_code == 127);
  BOOST_TEST(system.run({"true"}, much).exit_code == 0);  // does not read its input
}

BOOST_AUTO_TEST_CASE(more_slots_than_processes_are_named_with_the_mend) {
  Recorded wired;
  PostfixConfig config(wired, "", true, [](std::string const&) {});
  BOOST_TEST(!too_many_slots(config, 500).has_value());  // Postfix does not say
  wired.answers["postconf -h default_process_limit"] = "100\n";
  wired.answers["postconf -F mailpool/unix/process_limit"] = "mailpool/unix/process_limit = -\n";
  BOOST_TEST(too_many_slots(config, 101).has_value());
  BOOST_TEST(!too_many_slots(config, 100).has_value());
  wired.answers["postconf -F mailpool/unix/process_limit"] = "mailpool/unix/process_limit = 200\n";
  BOOST_TEST(!too_many_slots(config, 200).has_value());
  auto const note = too_many_slots(config, 500);
  BOOST_REQUIRE(note.has_value());
  BOOST_TEST(note->what.find("slots = 500, but the service mailpool has 200") != std::string::npos);
  BOOST_TEST(note->mend.find("slots = 200") != std::string::npos);
  wired.answers["postconf -F mailpool/unix/process_limit"] = "mailpool/unix/process_limit = 0\n";
  BOOST_TEST(!too_many_slots(config, 500).has_value());  // no limit
}

BOOST_AUTO_TEST_CASE(the_table_comes_last_and_probes_stay_outside_the_pool) {
  Recorded stock;
  auto plan = plan_with(stock);
  BOOST_TEST(value_of(plan, "transport_maps") == "mailpool:mailpool/map");
  BOOST_TEST(value_of(plan, "address_verify_transport_maps") == "");
  BOOST_TEST(value_of(plan, "address_verify_default_transport") == "smtp");
  Recorded lived_in;
  lived_in.answers["postconf -h transport_maps"] = "hash:/etc/postfix/transport\n";
  lived_in.answers["postconf -x -h transport_maps"] = "hash:/etc/postfix/transport\n";
  plan = plan_with(lived_in);
  BOOST_TEST(value_of(plan, "transport_maps") ==
             "hash:/etc/postfix/transport, mailpool:mailpool/map");
  BOOST_TEST(value_of(plan, "address_verify_transport_maps") == "hash:/etc/postfix/transport");
}

BOOST_AUTO_TEST_CASE(the_service_is_chrooted_like_the_other_lmtp) {
  Recorded stock;
  BOOST_TEST(entries_of(plan_with(stock)) ==
                 (std::vector<std::string>{
                     "mailpool/unix=mailpool unix - - y - 500 lmtp",
                     "mailpool-backlog/unix=mailpool-backlog unix - - y - 500 lmtp"}),
             boost::test_tools::per_element());
  stock.answers["postconf -F lmtp/unix/chroot"] = "lmtp/unix/chroot = n\n";
  BOOST_TEST(entries_of(plan_with(stock)).front() ==
             "mailpool/unix=mailpool unix - - n - 500 lmtp");
  stock.answers["postconf -M mailpool/unix"] = "mailpool unix - - n - 100 lmtp\n";
  stock.answers["postconf -M mailpool-backlog/unix"] = "mailpool-backlog unix - - n - 100 lmtp\n";
  BOOST_TEST(plan_with(stock).services.empty());
}

BOOST_AUTO_TEST_CASE(an_installation_without_the_service_for_what_waits_gets_it_as_the_other_is) {
  Recorded wired;
  wired.answers["postconf -M mailpool/unix"] = "mailpool unix - - n - 200 lmtp\n";
  wired.answers["postconf -F mailpool/unix/chroot"] = "mailpool/unix/chroot = n\n";
  wired.answers["postconf -F mailpool/unix/process_limit"] = "mailpool/unix/process_limit = 200\n";
  wired.answers["postconf -P 'mailpool/unix/*'"] =
      "mailpool/unix/lmtp_generic_maps = hash:/a b\nmailpool/unix/syslog_name = postfix/mailpool\n";
  auto const plan = plan_with(wired);
  BOOST_TEST(
      entries_of(plan) == (std::vector<std::string>{
                              "mailpool-backlog/unix=mailpool-backlog unix - - n - 200 lmtp"}),
      boost::test_tools::per_element());
  BOOST_TEST(
      plan.services.front().overrides ==
          (std::vector<std::string>{"lmtp_generic_maps=hash:/a b", "syslog_name=postfix/mailpool"}),
      boost::test_tools::per_element());
  BOOST_TEST(value_of(plan, "mailpool-backlog_destination_concurrency_limit") == "20");
  BOOST_TEST(value_of(plan, "mailpool-backlog_destination_concurrency_failed_cohort_limit") == "0");
  PostfixConfig config(wired, "", true, [](std::string const&) {});
  BOOST_TEST(plan_wiring(config, WiringMode::Simple).services.empty());
}

BOOST_AUTO_TEST_CASE(a_service_with_too_few_processes_is_found) {
  Recorded stock;
  stock.answers["postconf -M mailpool/unix"] = "mailpool unix - - n - 100 lmtp\n";
  auto const says = [&](std::string const& limit) {
    stock.answers["postconf -F mailpool/unix/process_limit"] =
        "mailpool/unix/process_limit = " + limit + "\n";
    auto const plan = plan_with(stock);
    return std::any_of(plan.warnings.begin(), plan.warnings.end(), [&](Obstacle const& warning) {
      return warning.what.find("has " + limit + " processes") != std::string::npos &&
             warning.mend.find("process_limit=500") != std::string::npos;
    });
  };
  BOOST_TEST(says("100"));
  BOOST_TEST(says("499"));
  BOOST_TEST(!says("500"));
  BOOST_TEST(!says("0"));  // no limit
}

BOOST_AUTO_TEST_CASE(limits_that_the_operator_set_already_stay) {
  Recorded stock;
  auto const name = std::string("mailpool_destination_concurrency_limit");
  BOOST_TEST(value_of(plan_with(stock), name) == "20");
  stock.answers["postconf -n " + name] = name + " = 3\n";
  BOOST_TEST(value_of(plan_with(stock), name) == "(not changed)");
}

BOOST_AUTO_TEST_CASE(untried_versions_are_refused_for_the_table_alone) {
  for (std::string const version : {"3.4.29", "3.12.0", "3.12-20260101", "4.0.0", ""}) {
    Recorded postfix;
    postfix.answers["postconf -h mail_version"] = version + "\n";
    BOOST_TEST(is_refused(plan_with(postfix), "was not tried"), version);
    BOOST_TEST(!is_refused(plan_with(postfix, WiringMode::Simple), "was not tried"), version);
  }
  for (std::string const version : {"3.5.27", "3.11.6", "3.10.13", "3.8-20220816"}) {
    Recorded postfix;
    postfix.answers["postconf -h mail_version"] = version + "\n";
    BOOST_TEST(!is_refused(plan_with(postfix), "was not tried"), version);
  }
}

BOOST_AUTO_TEST_CASE(what_names_a_next_hop_for_all_mail_is_refused) {
  for (std::string const name : {"relayhost", "sender_dependent_relayhost_maps",
                                 "sender_dependent_default_transport_maps"}) {
    Recorded postfix;
    postfix.answers["postconf -h " + name] = "[relay.example]\n";
    BOOST_TEST(is_refused(plan_with(postfix), name), name);
    BOOST_TEST(is_refused(plan_with(postfix, WiringMode::Simple), name), name);
  }
}

BOOST_AUTO_TEST_CASE(simple_wiring_needs_no_table) {
  Recorded postfix;
  postfix.answers["postconf -m"] = "hash\n";
  BOOST_TEST(is_refused(plan_with(postfix), "no table type"));
  auto const plan = plan_with(postfix, WiringMode::Simple);
  BOOST_TEST(!is_refused(plan, "no table type"));
  BOOST_TEST(value_of(plan, "default_transport") == "mailpool:unix:mailpool/lmtp.sock");
  BOOST_TEST(value_of(plan, "transport_maps") == "(not changed)");
}

BOOST_AUTO_TEST_CASE(deliveries_are_counted_in_the_journal_where_no_log_file_is) {
  Recorded postfix;
  postfix.answers["postconf -h maillog_file"] = "/nonexistent/mail.log\n";
  postfix.answers["journalctl -q -o short --since -1d -t postfix/smtp -t postfix/mailpool/lmtp"] =
      "Nov 21 06:00:00 h postfix/smtp[1]: A1: to=<a@gmail.com>, relay=x, dsn=2.0.0, status=sent "
      "(250)\n"
      "Nov 21 06:00:01 h postfix/mailpool/lmtp[1]: A2: to=<a@gmail.com>, relay=x, dsn=2.0.0, "
      "status=sent (250)\n"
      "Nov 21 06:00:02 h postfix/smtp[1]: A3: to=<a@gmail.com>, relay=x, dsn=4.0.0, "
      "status=deferred (451)\n";
  std::string said;
  Printer const print{[&](std::string const& line) { said += line; }, [](std::string const&) {}};
  (void)postfix_status({}, postfix, print);
  BOOST_TEST(said.find("1 through the pool, 1 past it, since Nov 21 06:00:00 in the journal") !=
                 std::string::npos,
             said);
}

BOOST_AUTO_TEST_CASE(what_is_refused_changes_nothing) {
  Recorded postfix;
  postfix.answers["postconf -h relayhost"] = "[relay.example]\n";
  std::string complaints;
  Printer const print{[](std::string const&) {},
                      [&](std::string const& line) { complaints += line; }};
  BOOST_TEST(postfix_enable({}, postfix, print) == 1);
  // Emptied without a route, mail would go to its destinations directly.
  auto const route = complaints.find("[route] \"*\" = [\"relay.example:25\"]");
  BOOST_TEST(route != std::string::npos);
  BOOST_TEST(complaints.find("postconf -e 'relayhost ='") > route);
  for (auto const& command : postfix.asked)
    for (auto change : {"postconf -e", "postconf -X", "postconf -P '", "reload"})
      BOOST_TEST(
          (command.find(change) == std::string::npos || command.find("*/*") != std::string::npos),
          command);
}

BOOST_AUTO_TEST_SUITE_END()
