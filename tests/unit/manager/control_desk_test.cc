// What an operator's question costs the event loop when very many sites are known. How long each
// takes is said with --log_level=message; what bounds it is tested. MAILPOOL_SITES says how many.

#include "manager/control_desk.h"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>

#include "core/control/request.h"
#include "core/map/writer.h"
#include "core/site/suspension_record.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::manager;

namespace {

std::size_t const very_many = [] {
  auto const* wanted = std::getenv("MAILPOOL_SITES");
  return wanted == nullptr ? 10'000U : std::stoul(wanted);
}();
constexpr std::size_t used = 600;  // more than an answer usually has rows

std::string site_name(std::size_t n) {
  return fmt::format("mx.d{}.example", n);
}

struct NothingElse final : DeskSources {
  void fill(control::ManagerStatus&) const override {}
  void measure(control::Measured&) const override {}
  [[nodiscard]] std::vector<control::Finding> check() const override { return {}; }
  void reload(std::function<void(control::ReloadReport const&)>) override {}
  bool forget_accepted(control::Subject const&) override { return false; }
  void drain() override {}
  void undrain() override {}
  [[nodiscard]] std::vector<control::WakingStatus> waking() const override { return {}; }
};

/// Knows very many sites, all suspended, as after a restart; others have had mail.
struct ManySites : fakes::DeliveryLab {
  ManySites() {
    for (std::size_t n = 0; n < very_many; ++n)
      store.put(state::Kind::Suspension, site::suspension_key("site", site_name(n)),
                fmt::format("{}\tuid 0\twhy", 0), state::no_expiry);
    store.restart(clock.wall(clock.now_));
    for (std::size_t n = 0; n < used; ++n)
      settings.routes[fmt::format("used{}.test", n)] = {
          {fmt::format("198.18.{}.{}", n / 250, n % 250 + 1), 25}};
    begin();
    dispatcher->restore(clock.now_);
    for (std::size_t n = 0; n < used; ++n) send({fmt::format("someone@used{}.test", n)});
    settle();
    desk.emplace(*dispatcher, *router, clock, settings, sources);
  }
  void resume_all() {
    for (std::size_t n = 0; n < very_many; ++n) dispatcher->resume_site(site_name(n), clock.now_);
    settle();
  }
  /// The answer to a request, as it goes to poolctl.
  std::string ask(std::string const& name, std::size_t most = control::usual_rows) {
    control::Request request;
    request.command = control::Command::Status;
    request.name = name;
    request.most = most;
    auto const began = std::chrono::steady_clock::now();
    auto answer = control::perform(request, *desk, {});
    auto const took = std::chrono::steady_clock::now() - began;
    BOOST_TEST_MESSAGE(fmt::format(
        "status {} with {} sites, {} rows: {:.1f} ms, {} octets", name, dispatcher->sites().size(),
        most, std::chrono::duration<double, std::milli>(took).count(), answer.size()));
    return answer;
  }

  NothingElse sources;
  std::optional<ControlDesk> desk;
};

}  // namespace

BOOST_AUTO_TEST_CASE(of_very_many_sites_as_many_are_shown_as_were_asked_for) {
  ManySites lab;
  lab.resume_all();
  auto const status = lab.desk->status(control::usual_rows);
  BOOST_TEST(status.sites_known == very_many + used);
  BOOST_TEST(status.sites.size() == control::usual_rows);
  BOOST_TEST(status.suspensions_known == 0U);
  lab.ask("");
  lab.ask("198.18.0.1");
  auto const door = lab.desk->status_of(map::door_of_site(site_name(1), false), very_many);
  BOOST_REQUIRE(door.has_value());
  BOOST_TEST(std::count_if(door->sites.begin(), door->sites.end(),
                           [](auto const& site) { return site.site == site_name(1); }) == 1);
  lab.ask(door->name);
  lab.ask("nobody.example");
}

BOOST_AUTO_TEST_CASE(of_very_many_suspensions_as_many_are_shown_as_were_asked_for_by_name) {
  ManySites lab;
  auto const status = lab.desk->status(10);
  BOOST_TEST(status.suspensions_known == very_many);
  BOOST_REQUIRE(status.suspensions.size() == 10U);
  BOOST_TEST(status.suspensions[0].name == "mx.d0.example");
  BOOST_TEST(status.suspensions[1].name == "mx.d1.example");
  BOOST_TEST(status.suspensions[2].name == "mx.d10.example");
  BOOST_TEST(status.sites.front().state == "suspended");
  auto const one = lab.desk->status_of("mx.d77.example", 10);
  BOOST_REQUIRE(one.has_value());
  BOOST_REQUIRE(one->suspensions.size() == 1U);
  BOOST_TEST(one->suspensions[0].reason == "why");
  lab.ask("");
  lab.ask("mx.d77.example");
}
