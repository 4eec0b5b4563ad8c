// What the control socket says of messages that wait in the MTA's queue.

#include <boost/test/unit_test.hpp>

#include <set>

#include "core/control/json.h"
#include "core/control/request.h"
#include "fakes/delivery_lab.h"
#include "manager/control_desk.h"

using namespace mailpool;
using namespace mailpool::manager;
using namespace std::chrono_literals;
using parking::Why;

namespace {

struct QueueSources final : DeskSources {
  void fill(control::ManagerStatus&) const override {}
  void measure(control::Measured&) const override {}
  [[nodiscard]] std::vector<control::Finding> check() const override { return {}; }
  void reload(std::function<void(control::ReloadReport const&)>) override {}
  bool forget_accepted(control::Subject const&) override { return false; }
  void drain() override {}
  void undrain() override {}
  [[nodiscard]] std::vector<control::WakingStatus> waking() const override {
    return {{"/var/spool/postfix", false, "public/flush: Permission denied"}};
  }
};

struct QueueDeskLab : fakes::DeliveryLab {
  QueueDeskLab() {
    settings.smtp.rate = {60, 1min, 1};
    begin();
    deliver("a@one.test");
    desk.emplace(*dispatcher, *router, clock, settings, sources);
  }
  void park(std::string const& id, std::string const& lane, Why why = Why::Limit,
            std::string const& tenant = {}) {
    BOOST_REQUIRE(context->parking.entries.park(
        {id, 0, lane, {tenant, {}, {}, {}, {}}, 100, why, clock.now_}, clock.now_));
  }
  QueueSources sources;
  std::optional<ControlDesk> desk;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(queue_desk, QueueDeskLab)

BOOST_AUTO_TEST_CASE(sites_are_counted_the_longest_first_with_when_they_will_be_empty) {
  for (int n = 0; n < 30; ++n) park("ABC" + std::to_string(1000 + n), "192.0.2.1");
  park("ABC2001", "192.0.2.1", Why::Suspended, "acme");
  park("ABC3001", "@unknown.test", Why::Route);
  auto const status = desk->queue(10);
  BOOST_TEST(status.parked == 32U);
  BOOST_TEST(status.max_parked == 200'000U);
  BOOST_TEST(status.slots == 500U);
  BOOST_REQUIRE(status.queues.size() == 1U);
  BOOST_TEST(status.queues[0].trouble == "public/flush: Permission denied");
  BOOST_REQUIRE(status.sites.size() == 2U);
  auto const& one = status.sites[0];
  BOOST_TEST(one.site == "192.0.2.1");
  BOOST_TEST(one.waiting == 31U);
  BOOST_TEST(one.limit == 30U);
  BOOST_TEST(one.suspended == 1U);
  BOOST_REQUIRE(one.empty_in.has_value());
  BOOST_TEST((*one.empty_in >= 29s && *one.empty_in <= 32s));  // one a second
  BOOST_TEST(status.sites[1].site == "@unknown.test");
  BOOST_TEST(status.sites[1].route == 1U);
  BOOST_TEST(!status.sites[1].empty_in.has_value());
  BOOST_TEST(desk->queue(1).sites.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_list_comes_page_by_page_and_is_whole) {
  for (int n = 0; n < 25; ++n)
    park("ABC" + std::to_string(1000 + n), "192.0.2.1", Why::Limit, "acme");
  std::set<std::string> ids;
  control::Request request;
  request.command = control::Command::Queue;
  request.is_list = true;
  request.most = 10;
  int pages = 0;
  while (true) {
    // As it goes over the socket.
    auto const asked = control::parse_request(control::to_line(request));
    BOOST_REQUIRE(asked.has_value());
    auto const answer = control::parse_answer(control::perform(*asked, *desk, {}));
    BOOST_REQUIRE(answer.has_value());
    auto const page = control::from_json<control::QueueStatus>(answer->text);
    BOOST_REQUIRE(page.has_value());
    ++pages;
    for (auto const& message : page->messages) {
      BOOST_TEST(message.site == "192.0.2.1");
      BOOST_TEST(message.tenant == "acme");
      BOOST_TEST(message.why == "limit");
      BOOST_TEST(ids.insert(message.queue_id).second);
    }
    if (!page->next) break;
    request.after = *page->next;
  }
  BOOST_TEST(pages == 3);
  BOOST_TEST(ids.size() == 25U);
}

BOOST_AUTO_TEST_CASE(status_says_how_many_wait_in_the_queue_and_what_for) {
  for (int n = 0; n < 30; ++n) park("ABC" + std::to_string(1000 + n), "192.0.2.1");
  auto const status = desk->status(10);
  BOOST_TEST(status.parked == 30U);
  BOOST_REQUIRE(status.queues.size() == 1U);
  BOOST_REQUIRE(status.sites.size() == 1U);
  BOOST_TEST(status.sites[0].parked == 30U);
  auto const& parking = status.parking;
  BOOST_TEST(parking.limit == 30U);
  BOOST_TEST(parking.slots == 500U);
  BOOST_TEST(parking.max_parked == 200'000U);
  BOOST_TEST(parking.wake_latency.count() > 0);
}

BOOST_AUTO_TEST_CASE(status_says_what_became_of_those_that_were_woken) {
  auto& entries = context->parking.entries;
  auto call = [&] {
    std::size_t looks = 1;
    return entries.call(
        "192.0.2.1", [&](auto const&, std::size_t) { return clock.now_; }, 2s, looks, clock.now_);
  };
  for (auto const why : {Why::Limit, Why::Suspended, Why::BackingOff, Why::Draining, Why::Route})
    park("ABC100" + std::to_string(static_cast<int>(why)), "192.0.2.1", why);
  clock.now_ += 1s;
  auto const first = call();
  BOOST_REQUIRE(first.has_value());
  BOOST_REQUIRE(call().has_value());
  BOOST_REQUIRE(entries.arrive(first->queue_id, "192.0.2.1", clock.now_).has_value());
  // Each is called four times, and rests in between.
  for (int n = 0; n < 12; ++n) {
    clock.now_ += 200s;
    entries.expire(clock.now_);
    while (call()) {
    }
  }
  clock.now_ += 200s;
  entries.expire(clock.now_);
  park("ABC2001", "192.0.2.1", Why::Suspended);
  context->parking.waiting = 3;
  entries.reconfigure(1);
  BOOST_TEST(
      !entries.park({"ABC3001", 0, "192.0.2.1", {}, 100, Why::Limit, clock.now_}, clock.now_));
  auto const status = desk->status(10).parking;
  BOOST_TEST(status.slots_waiting == 3U);
  BOOST_TEST(status.woken == entries.called);
  BOOST_TEST(status.came == 1U);
  BOOST_TEST(status.unheard >= 4U);
  BOOST_TEST(status.given_up == 4U);
  BOOST_TEST(status.turned_away == 1U);
  BOOST_TEST(status.suspended == 1U);
  BOOST_TEST(status.limit + status.backing_off + status.draining + status.route == 0U);
  BOOST_TEST(status.max_parked == 1U);
  context->parking.waiting = 0;
}

BOOST_AUTO_TEST_CASE(status_counts_what_waits_by_why) {
  int n = 0;
  for (auto const why : {Why::Limit, Why::Suspended, Why::BackingOff, Why::Draining, Why::Route})
    for (int i = 0; i <= static_cast<int>(why); ++i)
      park("ABC1" + std::to_string(100 + n++), i % 2 == 0 ? "192.0.2.1" : "elsewhere", why);
  auto const status = desk->status(10).parking;
  BOOST_TEST(status.limit == 1U);
  BOOST_TEST(status.suspended == 2U);
  BOOST_TEST(status.backing_off == 3U);
  BOOST_TEST(status.draining == 4U);
  BOOST_TEST(status.route == 5U);
  // One that is told something else counts there alone.
  park("ABC1100", "192.0.2.1", Why::Suspended);
  BOOST_TEST(desk->status(10).parking.limit == 0U);
  BOOST_TEST(desk->status(10).parking.suspended == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
