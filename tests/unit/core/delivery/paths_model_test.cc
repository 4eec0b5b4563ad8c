// Random steps through all of delivery, beside a provider that counts what it sees: whatever comes
// together, no address has more connections or a higher rate than its path allows, nor have all of
// them together more than the site allows; and the provider notices when something is wrong.
//
// MAILPOOL_STEPS=N: how many (100,000 without it); the seed of a world that fails is named.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>

#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t steps_of_a_world = 200;
std::array<std::string, 3> const source_names{"west", "east", "north"};

// What mailpoold is told otherwise than the provider.
enum class Fault : std::uint8_t {
  None,
  OneConnectionMore,
  OneMessageMore,
  CountsEachSource,
  ForgetsTheSum
};

/// What a provider keeps of whoever it counts as one.
struct Counted {
  std::deque<TimePoint> messages;
  std::deque<TimePoint> connects;
  std::size_t open = 0;
};

class World : DeliveryLab {
 public:
  World(std::uint64_t seed, Fault fault) : chance_(seed), fault_(fault) {
    make_limits();
    allowed_ = settings.smtp;
    plant();
    network.behaviour.answer = [this](SimulatedServer& server, std::string const& line) {
      return answer(server, line);
    };
    begin();
  }

  /// What went wrong first; "" if nothing did.
  std::string run() {
    for (std::size_t i = 0; i < steps_of_a_world && wrong_.empty(); ++i) {
      step();
      look();
    }
    return wrong_;
  }

  std::size_t messages = 0;  ///< that the provider saw

 private:
  int pick(int below) { return static_cast<int>(chance_() % static_cast<unsigned>(below)); }
  bool one_in(int n) { return pick(n) == 0; }
  Rate some_rate() {
    auto const count = static_cast<std::uint64_t>(1 + pick(5));
    return {count, one_in(2) ? Duration(1s) : Duration(10s)};
  }

  void make_limits() {
    auto& smtp = settings.smtp;
    settings.lmtp.slots = 20'000;
    smtp.max_waiting = 1'000;
    smtp.max_connections = 1 + static_cast<std::uint32_t>(pick(3));
    if (one_in(2)) smtp.rate = some_rate();
    if (one_in(3)) smtp.connect_rate = some_rate();
    if (one_in(3)) smtp.site_rate = some_rate();
    if (one_in(3)) smtp.site_max_connections = 1 + static_cast<std::uint32_t>(pick(4));
    if (one_in(3)) smtp.max_messages = 1 + static_cast<std::uint32_t>(pick(3));
    if (one_in(3)) smtp.per = CountedPer::Site;
    std::uint8_t last = 100;
    for (auto const& name : source_names) {
      settings.sources[name].address = {IpAddress::v4({192, 0, 2, ++last})};
      settings.pools["all"].sources.push_back({name, 1 + static_cast<std::uint32_t>(pick(3))});
    }
    settings.pools["all"].spill = one_in(2);
    smtp.source = one_in(5) ? "west" : "all";
  }

  void plant() {
    auto& smtp = settings.smtp;
    if (fault_ == Fault::OneConnectionMore) ++smtp.max_connections;
    if (fault_ == Fault::OneMessageMore && smtp.rate.is_limited()) ++smtp.rate.count;
    if (fault_ == Fault::CountsEachSource) smtp.per = CountedPer::Path;
    if (fault_ == Fault::ForgetsTheSum) {
      smtp.site_rate = {};
      smtp.site_max_connections = 0;
    }
  }

  void step() {
    auto const domain = one_in(2) ? "one.test" : "two.test";
    auto const what = pick(20);
    if (what < 11) {
      send({std::string("u@") + domain});
    } else if (what < 16) {
      pass(std::vector<Duration>{5ms, 300ms, 2s, 15s}[static_cast<std::size_t>(pick(4))]);
    } else if (what == 16) {
      hang_up_one();
    } else if (what == 17) {
      is_slow_ = !is_slow_;
    } else if (what == 18) {
      suspend_one(domain);
    } else {
      dispatcher->reconfigure(settings, clock.now_);
    }
    settle();
  }

  void hang_up_one() {
    if (network.servers.empty()) return;
    auto const one =
        network.servers[static_cast<std::size_t>(pick(static_cast<int>(network.servers.size())))];
    network.hang_up(*one);
  }

  void suspend_one(std::string const& domain) {
    auto const* site = dispatcher->site_of_domain(domain);
    if (site == nullptr) return;
    auto const& source = source_names[static_cast<std::size_t>(pick(3))];
    site::Suspension const why{clock.now_ + 2s, "r", "root", {}};
    static_cast<void>(
        dispatcher->suspend_scope(std::string(site->name()), "source " + source, why, clock.now_));
  }

  // Whom a server's client is counted as.
  std::string key_of(SimulatedServer const& server) const {
    auto const site = server.address.address.to_string();
    return allowed_.per == CountedPer::Site ? site : site + "/" + server.client;
  }

  std::string answer(SimulatedServer& server, std::string const& line) {
    if (line.starts_with("EHLO")) note(server, &Counted::connects, allowed_.connect_rate, {});
    if (line.starts_with("MAIL")) {
      ++messages;
      note(server, &Counted::messages, allowed_.rate, allowed_.site_rate);
      if (one_in(40)) return "421 4.7.0 slow down, too many messages\r\n\x04";
    }
    return is_slow_ && line == "<body>" ? "" : "?";
  }

  void note(SimulatedServer const& server, std::deque<TimePoint> Counted::*what, Rate const& each,
            Rate const& together) {
    take(seen_[key_of(server)].*what, each, key_of(server));
    auto const site = server.address.address.to_string();
    take(together_[site].*what, together, "all sources to " + site);
  }

  void take(std::deque<TimePoint>& taken, Rate const& rate, std::string const& who) {
    if (!rate.is_limited()) return;
    taken.push_back(clock.now_);
    while (clock.now_ - taken.front() >= rate.per) taken.pop_front();
    if (taken.size() > rate.count)
      wrong(fmt::format("{}: {} within {}", who, taken.size(), rate.to_string()));
  }

  // As a provider counts what is open now.
  void look() {
    std::map<std::string, std::size_t> open;
    std::map<std::string, std::size_t> open_together;
    for (auto const& server : network.servers) {
      if (server->events == nullptr) continue;
      ++open[key_of(*server)];
      ++open_together[server->address.address.to_string()];
    }
    for (auto const& [who, count] : open)
      if (count > allowed_.max_connections) wrong(fmt::format("{}: {} connections", who, count));
    for (auto const& [site, count] : open_together)
      if (allowed_.site_max_connections != 0 && count > allowed_.site_max_connections)
        wrong(fmt::format("all sources to {}: {} connections", site, count));
  }

  void wrong(std::string what) {
    if (wrong_.empty()) wrong_ = std::move(what);
  }

  std::mt19937_64 chance_;
  Fault fault_;
  SiteSettings allowed_;
  bool is_slow_ = false;
  std::map<std::string, Counted> seen_;
  std::map<std::string, Counted> together_;
  std::string wrong_;
};

std::uint64_t worlds() {
  auto const* const asked = std::getenv("MAILPOOL_STEPS");
  return (asked == nullptr ? 100'000U : std::strtoul(asked, nullptr, 10)) / steps_of_a_world;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(paths_model)

BOOST_AUTO_TEST_CASE(no_path_and_no_site_has_more_than_is_allowed) {
  std::size_t messages = 0;
  std::size_t wrong = 0;
  for (std::uint64_t seed = 1; seed <= worlds() && wrong < 5; ++seed) {
    World world(seed, Fault::None);
    auto const what = world.run();
    messages += world.messages;
    if (what.empty()) continue;
    ++wrong;
    BOOST_TEST(false, "world " << seed << ": " << what);
  }
  BOOST_TEST_MESSAGE(messages << " messages");
  BOOST_TEST(messages > worlds() * steps_of_a_world / 10, "the steps mean something");
}

BOOST_AUTO_TEST_CASE(what_is_planted_is_noticed) {
  for (auto const fault : {Fault::OneConnectionMore, Fault::OneMessageMore, Fault::CountsEachSource,
                           Fault::ForgetsTheSum}) {
    std::string found;
    for (std::uint64_t seed = 1; seed <= 100 && found.empty(); ++seed)
      found = World(seed, fault).run();
    BOOST_TEST(!found.empty(), static_cast<int>(fault));
  }
}

BOOST_AUTO_TEST_SUITE_END()
