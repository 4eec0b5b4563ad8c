// What explain says is what happens next: in random worlds of sites, paths, tenants, campaigns,
// limits, suspensions and dead hosts, a message is explained and then handed over.
//
// MAILPOOL_WORLDS=N: how many (5,000 without it); the seed of one that fails is named.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <map>
#include <random>

#include "fakes/delivery_lab.h"
#include "manager/explain.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

class World : DeliveryLab {
 public:
  explicit World(std::uint64_t seed) : chance_(seed) {
    settings.lmtp.trust_unsigned_tenant = true;
    settings.smtp.connect_timeout = 5s;
    make_limits();
    make_hosts();
    begin();
    for (int n = pick(12); n > 0; --n) live();
  }

  /// What was said and what came of it, where these are not the same; else "".
  std::string compare() {
    auto const envelope = some_message();
    marks = marks_of(envelope);
    sender = envelope.sender;
    settle();
    control::Question const question{envelope.recipient, envelope.sender, envelope.tenant,
                                     envelope.campaign};
    auto const said = explained(question);
    auto const opened = network.servers.size();
    auto const closing = closing_of(envelope.recipient);
    auto const& answer = send({envelope.recipient});
    dispatcher->run(clock.now_);
    auto const happened = what_happened(answer, opened, closing);
    ++seen[happened.substr(0, happened.find(':'))];
    auto const expected = in_short(said);
    if (expected == happened) return {};
    return fmt::format("said \"{}\" ({}), happened \"{}\"", expected, said.would, happened);
  }

  static std::map<std::string, int> seen;

 private:
  struct Mail {
    std::string recipient, sender, tenant, campaign;
  };

  int pick(int below) { return static_cast<int>(chance_() % static_cast<unsigned>(below)); }
  bool one_in(int n) { return pick(n) == 0; }
  std::string one_of(std::vector<std::string> const& all) {
    return all[static_cast<std::size_t>(pick(static_cast<int>(all.size())))];
  }
  Rate some_rate() {
    auto const count = static_cast<std::uint64_t>(1 + pick(4));
    return {count, std::vector<Duration>{1s, 10s, 1h}[static_cast<std::size_t>(pick(3))], count};
  }

  void limit(LevelSettings& level) {
    if (one_in(3)) level.rate = some_rate();
    if (one_in(4)) level.recipient_rate = some_rate();
    if (one_in(4)) level.max_connections = 1 + static_cast<std::uint32_t>(pick(2));
  }

  void make_limits() {
    for (auto const* domain : {"one.test", "two.test", "pair.test"})
      if (one_in(3)) limit(settings.domains[domain]);
    if (one_in(2)) limit(settings.tenants["shop"]);
    if (one_in(3)) limit(settings.sender_domains["news.test"]);
    if (one_in(4)) limit(settings.total);
    auto& smtp = settings.smtp;
    smtp.max_connections = 1 + static_cast<std::uint32_t>(pick(3));
    if (one_in(2)) smtp.rate = some_rate();
    if (one_in(4)) smtp.connect_rate = some_rate();
    if (one_in(4)) smtp.site_rate = some_rate();
    if (one_in(4)) smtp.site_max_connections = 1 + static_cast<std::uint32_t>(pick(2));
    if (one_in(4)) smtp.max_connections_per_host = 1;
    if (one_in(5)) smtp.per = CountedPer::Site;
    if (one_in(4)) smtp.max_messages = 1 + static_cast<std::uint32_t>(pick(3));
    if (one_in(6)) smtp.max_waiting = static_cast<std::uint32_t>(pick(3));
    if (one_in(3)) smtp.check_after = 1s;
    if (!one_in(2)) return;
    for (auto const* name : {"west", "east"}) {
      auto& source = settings.sources[name];
      source.address = {
          *IpAddress::parse(name == std::string("west") ? "192.0.2.100" : "192.0.2.101")};
      if (one_in(2)) limit(source);
      if (one_in(4))
        source.warm_up = {std::chrono::floor<std::chrono::days>(clock.wall(clock.now_)), {2}};
    }
    settings.pools["both"].sources = {{"west", 1},
                                      {"east", 1 + static_cast<std::uint32_t>(pick(2))}};
    settings.pools["both"].spill = one_in(2);
    smtp.source = one_in(3) ? "west" : "both";
  }

  void make_hosts() {
    auto const dead = one_of({"", "", "192.0.2.1", "192.0.2.3"});
    auto const slow = one_of({"", "", "192.0.2.2", "192.0.2.4"});
    network.behaviour.accepts = [dead](route::Target const& t) {
      return t.address.to_string() != dead;
    };
    network.behaviour.answer = [slow](SimulatedServer& server, std::string const& line) {
      return line == "<body>" && server.address.address.to_string() == slow ? "" : "?";
    };
  }

  Mail some_message() {
    return {"u@" + one_of({"one.test", "two.test", "pair.test"}),
            "s@" + one_of({"mail.test", "news.test"}), one_of({"", "shop"}),
            one_of({"", "spring", "summer"})};
  }
  static TenantMarks marks_of(Mail const& mail) {
    TenantMarks marks;
    if (!mail.tenant.empty()) marks.names = {mail.tenant};
    if (!mail.campaign.empty()) marks.campaigns = {mail.campaign};
    return marks;
  }

  // Something happens: mail, time, an operator.
  void live() {
    auto const what = pick(10);
    auto const now = clock.now_;
    std::vector<TimePoint> const ends{now + 1s, now + 1min, never};
    site::Suspension const why{ends[static_cast<std::size_t>(pick(3))], "r", "root", {}};
    auto const mail = some_message();
    auto const domain = mail.recipient.substr(2);
    if (what < 5) {
      marks = marks_of(mail);
      sender = mail.sender;
      send({mail.recipient});
      if (one_in(2)) settle();
    } else if (what < 7) {
      pass(std::vector<Duration>{10ms, 700ms, 3s, 1min}[static_cast<std::size_t>(pick(4))]);
    } else if (what == 7) {
      if (one_in(3)) dispatcher->suspend_domain(domain, why, now);
      if (one_in(3)) dispatcher->suspend_tenant("shop", why, now);
      if (one_in(3)) static_cast<void>(dispatcher->suspend_campaign("spring", why, now));
    } else if (auto const* site = dispatcher->site_of_domain(domain); site != nullptr) {
      auto const name = site->name();
      if (one_in(4)) dispatcher->suspend_site(name, why, now);
      auto const part =
          one_of({"sender_domain news.test", "source west", "campaign summer", "tenant shop"});
      if (one_in(2)) dispatcher->suspend_scope(name, part, why, now);
      if (one_in(3)) dispatcher->resume_site(name, now);
    }
    settle();
  }

  struct Way final : route::RouteListener {
    std::shared_ptr<route::Route const> route;
    void on_route(std::shared_ptr<route::Route const> found) override { route = std::move(found); }
    void on_no_route(Outcome) override {}
  };

  control::Explanation explained(control::Question const& question) {
    Way way;
    auto const domain = question.address.substr(2);
    auto const pending = router->find(domain, way, clock.now_);
    BOOST_REQUIRE(way.route != nullptr);
    manager::Explainer explainer(*dispatcher, clock);
    return explainer.explain(question, domain, way.route);
  }

  std::size_t closing_of(std::string const& recipient) const {
    auto const* site = dispatcher->site_of_domain(recipient.substr(2));
    return site == nullptr ? 0 : site->connections().count(pool::ConnectionState::Closing);
  }

  // "sends", "checks", "opens", "makes room", "waits: rate until T", "answers: 451 ...".
  std::string what_happened(Answers const& answer, std::size_t opened, std::size_t closing) {
    if (answer.is_over()) return "answers: " + answer.line();
    auto const& t = answer.delivery->transactions().front();
    if (t.state == delivery::TransactionState::Sending) return "sends";
    if (network.servers.size() > opened) return "opens";
    for (auto const& c : t.site->connections().in(pool::ConnectionState::Checking))
      if (static_cast<void>(c), t.wait.limit == site::Limit::Connecting) return "checks";
    if (t.site->connections().count(pool::ConnectionState::Closing) > closing) return "makes room";
    auto const wait = t.site->wait_of(t, clock.now_);
    return fmt::format("waits: {}", t.site->words_for(wait, clock.now_));
  }

  static std::string in_short(control::Explanation const& e) {
    auto const begins = [&](std::string_view words) { return e.would.starts_with(words); };
    if (begins("is answered "))
      return "answers: " + e.would.substr(std::string("is answered ").size());
    if (begins("waits: ")) return e.would;
    if (begins("goes at once on an idle")) return "sends";
    if (begins("goes on an idle")) return "checks";
    if (e.would.find("(max_connections)") != std::string::npos) return "makes room";
    return "opens";
  }

  std::mt19937_64 chance_;
};

std::map<std::string, int> World::seen;

}  // namespace

BOOST_AUTO_TEST_SUITE(explain_worlds)

BOOST_AUTO_TEST_CASE(what_explain_says_is_what_happens_next) {
  auto const* const asked = std::getenv("MAILPOOL_WORLDS");
  auto const worlds = asked == nullptr ? 5'000U : std::strtoul(asked, nullptr, 10);
  BOOST_REQUIRE(worlds != 0U);
  std::size_t wrong = 0;
  for (std::uint64_t seed = 1; seed <= worlds && wrong < 10; ++seed) {
    auto const difference = World(seed).compare();
    if (difference.empty()) continue;
    ++wrong;
    BOOST_TEST(false, "world " << seed << ": " << difference);
  }
  for (auto const& [what, times] : World::seen) BOOST_TEST_MESSAGE(what << ": " << times);
  // Each kind of end was met, and by no means rarely.
  for (auto const* what : {"sends", "checks", "opens", "makes room", "waits", "answers"})
    BOOST_TEST(World::seen[what] * 1000 >= static_cast<int>(worlds), what);
}

BOOST_AUTO_TEST_SUITE_END()
