// What waits in the MTA's queue: read, counted, chosen, and acted upon.

#include <boost/test/unit_test.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "fakes/contains.h"
#include "poolctl/queue_entry.h"
#include "poolctl/queue_report.h"
#include "poolctl/queue_rows.h"
#include "poolctl/queue_source.h"

using namespace mailpool;
using namespace mailpool::poolctl;
using parking::Why;

namespace {

std::string line_of(std::string const& queue, std::string const& id, std::string const& sender,
                    std::string const& recipient, std::string const& reason) {
  nlohmann::json one{{"address", recipient}};
  if (!reason.empty()) one["delay_reason"] = reason;
  nlohmann::json const entry{
      {"queue_name", queue}, {"queue_id", id},   {"arrival_time", 1'732'950'000},
      {"message_size", 920}, {"sender", sender}, {"recipients", nlohmann::json::array({one})}};
  return entry.dump() + "\n";
}

std::string told(std::string const& door, std::string const& words) {
  return "host mail.example.com[mailpool/d/" + door + "] said: " + words +
         " (in reply to end of DATA command)";
}

// postqueue says what it was given; postsuper takes what it is given.
struct RecordedQueue final : CommandRunner {
  using CommandRunner::run;
  CommandResult run(std::vector<std::string> const& words, std::string const& input) override {
    commands.push_back(quoted(words));
    if (words.front() == "postqueue") return {exit_code, listing, errors};
    given = input;
    return {exit_code, "", errors};
  }
  std::string listing;
  std::string errors;
  int exit_code = 0;
  std::vector<std::string> commands;
  std::string given;
};

struct QueueLab {
  QueueLab() {
    queue.listing =
        line_of("deferred", "AAAAAA1", "news@shop.example", "u@gmail.com",
                told("google", "451 4.7.1 google: rate reached (20/min), next in 3s")) +
        line_of("deferred", "AAAAAA2", "news@shop.example", "v@gmail.com",
                told("google", "450 mx.google.com[192.0.2.1]:25 said: 450 4.2.1 too fast")) +
        line_of("active", "AAAAAA3", "person@example.com", "w@gmail.com", "") +
        line_of("hold", "AAAAAA4", "news@shop.example", "x@gmail.com", "") +
        line_of("deferred", "AAAAAA5", "MAILER-DAEMON", "y@tiny.example",
                told("h003", "451 4.7.1 192.0.2.9: suspended until further notice: audit"));
    remembered.add({"AAAAAA1", "google", "acme", "spring", "suspended", {}});
  }
  Context context(bool json = false) {
    return {"/nowhere", json, Screen{200, false, false}, out, err};
  }
  int act(QueueOptions const& options, QueueAction const& action, bool says_yes = true) {
    auto all = context();
    return act_on_queue(all, options, action, queue, remembered, [&](std::string const& question) {
      asked = question;
      return says_yes;
    });
  }
  static QueueOptions at(std::string const& site) {
    QueueOptions options;
    options.selection.site = site;
    return options;
  }

  RecordedQueue queue;
  RememberedMessages remembered;
  std::ostringstream out, err;
  std::string asked;
  QueueAction const hold{"hold", "held", "-h"};
  QueueAction const release{"release", "released", "-H", true};
  QueueAction const remove{"delete", "deleted", "-d", false, true};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(poolctl_queue, QueueLab)

BOOST_AUTO_TEST_CASE(a_line_of_postqueue_is_read) {
  auto const entry = read_queue_line(
      line_of("deferred", "4cBx5L0Wqnz3xK", "MAILER-DAEMON", "u@example.org", "why"));
  BOOST_REQUIRE(entry.has_value());
  BOOST_TEST(entry->queue == "deferred");
  BOOST_TEST(entry->id == "4cBx5L0Wqnz3xK");
  BOOST_TEST(entry->arrived == 1'732'950'000);
  BOOST_TEST(entry->size == 920U);
  BOOST_TEST(entry->sender == "");
  BOOST_REQUIRE(entry->recipients.size() == 1U);
  BOOST_TEST(entry->recipients[0].reason == "why");
  for (auto const* bad : {"", "x", "[]", "{}", "{\"queue_name\": 1}", "{\"queue_name\": \"hold\"}"})
    BOOST_TEST(!read_queue_line(bad).has_value(), bad);
}

BOOST_AUTO_TEST_CASE(a_control_file_of_sendmail_is_read) {
  auto const entry = read_control_file(
      "qf3AU9Bq01012345",
      "V8\nT1732950000\nK1732950300\nN1\nMDeferred: 451 4.7.1 google: rate reached (20/min)\n"
      "Snews@example.com\nrRFC822; u@gmail.com\nRPFD:<u@gmail.com>\nRPFD:v@gmail.com\nH??x: "
      "y\n.\n");
  BOOST_REQUIRE(entry.has_value());
  BOOST_TEST(entry->id == "3AU9Bq01012345");
  BOOST_TEST(entry->arrived == 1'732'950'000);
  BOOST_TEST(entry->sender == "news@example.com");
  BOOST_REQUIRE(entry->recipients.size() == 2U);
  BOOST_TEST(entry->recipients[0].address == "u@gmail.com");
  BOOST_TEST(entry->recipients[1].address == "v@gmail.com");
  BOOST_TEST(entry->recipients[1].reason == "Deferred: 451 4.7.1 google: rate reached (20/min)");
  // One that is just being written has no end.
  BOOST_TEST(!read_control_file("qf3AU9Bq01012345", "V8\nT17329").has_value());
  BOOST_TEST(!read_control_file("df3AU9Bq01012345", ".\n").has_value());
}

BOOST_AUTO_TEST_CASE(a_reason_tells_the_site_by_its_door_or_its_words) {
  BOOST_TEST(site_told(told("google", "451 4.3.2 mailpool is draining")) == "google");
  BOOST_TEST(site_told(told("h0af", "451 4.7.1 192.0.2.1: rate reached (1/h), next in 3s")) ==
             "192.0.2.1");
  BOOST_TEST(site_told(told("h0af", "451 4.7.1 tenant acme: rate reached (1/h)")) == "");
  BOOST_TEST(site_told(told("h0af", "450 mx said: 450 4.2.0 x")) == "");
  BOOST_TEST(site_told("Deferred: 451 4.7.1 google: rate reached (20/min), next in 3s") ==
             "google");
  BOOST_TEST(site_told("connect to mx.example.org[192.0.2.1]:25: Connection timed out") == "");
  BOOST_TEST(site_told("[mailpool/d/") == "");
}

BOOST_AUTO_TEST_CASE(messages_are_counted_by_site_tenant_and_reason) {
  QueueReport report;
  auto const read = read_postfix_queue(queue, "", [&](QueueEntry const& entry) {
    for (auto const& waiter : waiters_of(entry, remembered)) report.add(waiter);
  });
  BOOST_REQUIRE(read.has_value());
  BOOST_TEST(read->entries == 5U);
  auto const of = [](QueueCounts const& counts, Why why) {
    return counts.by_why[static_cast<std::size_t>(why)];
  };
  auto const& google = report.by_site.at("google");
  BOOST_TEST(google.messages == 2U);
  BOOST_TEST(of(google, Why::Suspended) == 1U);  // what the manager remembers is newer
  BOOST_TEST(of(google, Why::Remote) == 1U);
  BOOST_TEST(google.oldest == 1'732'950'000);
  auto const& unknown = report.by_site.at("@gmail.com");
  BOOST_TEST(unknown.active == 1U);
  BOOST_TEST(unknown.held == 1U);
  BOOST_TEST(of(report.by_site.at("192.0.2.9"), Why::Suspended) == 1U);
  BOOST_TEST(report.by_tenant.at("acme").messages == 1U);
  BOOST_TEST(report.by_campaign.at("spring").messages == 1U);
  BOOST_TEST(report.all.messages == 5U);
}

BOOST_AUTO_TEST_CASE(what_waits_is_shown_with_when_it_will_be_gone) {
  control::QueueStatus manager;
  manager.queues.push_back({"/var/spool/postfix", false, "public/flush: Permission denied"});
  manager.sites.push_back({});
  manager.sites.back().site = "google";
  manager.sites.back().empty_in = std::chrono::minutes(3);
  auto all = context();
  BOOST_TEST(show_queue(all, {}, queue, &manager, remembered) == Exit::Done);
  BOOST_TEST(contains(out.str(), "google"));
  BOOST_TEST(contains(out.str(), "3m"));
  BOOST_TEST(contains(out.str(), "acme"));
  BOOST_TEST(contains(out.str(), "public/flush: Permission denied"));
  out.str("");
  auto for_scripts = context(true);
  BOOST_TEST(show_queue(for_scripts, at("google"), queue, &manager, remembered) == Exit::Done);
  auto const answer = nlohmann::json::parse(out.str());
  BOOST_TEST(answer["all"]["messages"] == 2);
  BOOST_TEST(answer["sites"][0]["site"] == "google");
  BOOST_TEST(answer["sites"][0]["suspended"] == 1);
  BOOST_TEST(answer["sites"][0]["empty_in"] == 180.0);
  BOOST_TEST(answer["tenants"][0]["tenant"] == "acme");
  BOOST_TEST(answer["campaigns"][0]["campaign"] == "spring");
}

BOOST_AUTO_TEST_CASE(a_list_is_a_line_a_message) {
  auto options = at("google");
  options.is_list = true;
  auto all = context(true);
  BOOST_TEST(show_queue(all, options, queue, nullptr, remembered) == Exit::Done);
  std::istringstream lines(out.str());
  std::vector<std::string> ids;
  for (std::string line; std::getline(lines, line);)
    ids.push_back(nlohmann::json::parse(line)["queue_id"]);
  BOOST_TEST(ids == (std::vector<std::string>{"AAAAAA1", "AAAAAA2"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_queue_that_cannot_be_read_is_an_error_in_postqueues_words) {
  queue.exit_code = 69;
  queue.errors = "postqueue: fatal: Queue report unavailable - mail system is down\n";
  auto all = context();
  BOOST_TEST(show_queue(all, {}, queue, nullptr, remembered) == Exit::Refused);
  BOOST_TEST(contains(err.str(), "mail system is down"));
}

BOOST_AUTO_TEST_CASE(messages_are_held_by_their_ids_after_a_question) {
  BOOST_TEST(act(at("google"), hold) == Exit::Done);
  BOOST_TEST(asked == "hold 2 messages?");
  BOOST_TEST(queue.commands.back() == "postsuper -h -");
  BOOST_TEST(queue.given == "AAAAAA1\nAAAAAA2\n");
  BOOST_TEST(contains(out.str(), "postsuper -h - < 2 queue ids"));
  BOOST_TEST(contains(out.str(), "2 messages held"));
}

BOOST_AUTO_TEST_CASE(who_says_no_and_a_dry_run_change_nothing) {
  BOOST_TEST(act(at("google"), hold, false) == Exit::Refused);
  auto options = at("google");
  options.is_dry = true;
  asked.clear();
  BOOST_TEST(act(options, remove) == Exit::Done);
  BOOST_TEST(asked == "");
  for (auto const& command : queue.commands) BOOST_TEST(!contains(command, "postsuper"));
  BOOST_TEST(contains(out.str(), "nothing was changed"));
}

BOOST_AUTO_TEST_CASE(held_ones_are_released_and_all_are_deleted) {
  QueueOptions options;
  options.selection.sender = "@shop.example";
  BOOST_TEST(act(options, release) == Exit::Done);
  BOOST_TEST(queue.given == "AAAAAA4\n");
  BOOST_TEST(act(options, remove) == Exit::Done);
  BOOST_TEST(queue.given == "AAAAAA1\nAAAAAA2\nAAAAAA4\n");
  BOOST_TEST(queue.commands.back() == "postsuper -d -");
}

BOOST_AUTO_TEST_CASE(a_selection_is_by_tenant_domain_and_reason_too) {
  QueueOptions options;
  options.is_confirmed = true;
  options.selection.tenant = "acme";
  BOOST_TEST(act(options, hold) == Exit::Done);
  BOOST_TEST(queue.given == "AAAAAA1\n");
  options.selection = {};
  options.selection.domain = "TINY.example";
  BOOST_TEST(act(options, hold) == Exit::Done);
  BOOST_TEST(queue.given == "AAAAAA5\n");
  options.selection = {};
  options.selection.reason = "remote";
  BOOST_TEST(act(options, hold) == Exit::Done);
  BOOST_TEST(queue.given == "AAAAAA2\n");
}

BOOST_AUTO_TEST_CASE(without_a_selection_nothing_is_done) {
  BOOST_TEST(act({}, remove) == Exit::Refused);
  BOOST_TEST(queue.commands.empty());
  QueueOptions options;
  options.is_everything_meant = true;
  BOOST_TEST(act(options, remove) == Exit::Done);
  BOOST_TEST(asked == "delete 5 messages?");
}

BOOST_AUTO_TEST_CASE(what_is_no_queue_id_is_never_given_to_postsuper) {
  queue.listing = line_of("deferred", "ALL", "a@b", "c@d", "") +
                  line_of("deferred", "-d ALL", "a@b", "c@d", "") +
                  line_of("deferred", "AAAAAA\nALL", "a@b", "c@d", "") +
                  line_of("deferred", "AAAAAA9", "a@b", "c@d", "");
  QueueOptions options;
  options.is_everything_meant = options.is_confirmed = true;
  BOOST_TEST(act(options, hold) == Exit::Done);
  BOOST_TEST(queue.given == "AAAAAA9\n");
}

BOOST_AUTO_TEST_SUITE_END()
