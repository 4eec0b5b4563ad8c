// A provider that cuts its allowance to a tenth for a minute and then gives it back: ten minutes of
// a full backlog.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <vector>

#include "fakes/delivery_lab.h"

namespace mailpool::delivery {
namespace {

using namespace std::chrono_literals;
using fakes::DeliveryLab;
using fakes::SimulatedServer;

constexpr std::uint64_t ceiling = 20;  // messages a second
constexpr std::uint32_t connections = 10;
constexpr Duration round_trip = 100ms;
constexpr auto cut_begins = 3min;
constexpr auto cut_ends = 4min;
constexpr auto recovered_by = cut_ends + 3min;
constexpr auto the_end = 10min;

/// Counts what comes with a bucket of tokens, as strict providers do, and refuses the rest.
class Provider {
 public:
  explicit Provider(TimePoint start) : start_(start), filled_at_(start) {}

  std::string answer(SimulatedServer& server, std::string const& line, TimePoint now) {
    if (line.starts_with("MAIL ")) return mail(server, now);
    if (!is_refused_[&server]) return "?";
    if (line.starts_with("RCPT ") || line == "<body>" || line == "DATA")
      return "503 5.5.1 No transaction\r\n";
    return "?";
  }

  std::uint64_t accepted = 0;
  std::vector<Duration> refused_at;           // since the start
  std::map<std::int64_t, std::uint64_t> per;  // accepted, by spans of five seconds

  /// Refusals that lie closer together than two round trips were under way together.
  [[nodiscard]] std::size_t flights_refused() const {
    std::size_t flights = 0;
    Duration last{};
    for (auto const at : refused_at) {
      if (flights == 0 || at > last + 2 * round_trip) ++flights;
      last = at;
    }
    return flights;
  }

 private:
  std::string mail(SimulatedServer& server, TimePoint now) {
    bool const is_cut = now >= start_ + cut_begins && now < start_ + cut_ends;
    auto const rate = static_cast<double>(ceiling) / (is_cut ? 10 : 1);
    tokens_ = std::min(rate + 1, tokens_ + seconds(now - filled_at_) * rate);
    filled_at_ = now;
    is_refused_[&server] = tokens_ < 1;
    if (tokens_ < 1) {
      refused_at.push_back(now - start_);
      return "421 4.7.28 Our system has detected an unusual rate of mail\r\n";
    }
    tokens_ -= 1;
    ++accepted;
    ++per[(now - start_) / 5s];
    return "?";
  }

  TimePoint start_;
  TimePoint filled_at_;
  double tokens_ = ceiling;
  std::map<SimulatedServer const*, bool> is_refused_;
};

/// Minutes of mail for one site, with always enough of it waiting.
struct Minutes {
  explicit Minutes(Duration span, bool is_adaptive = true) : provider(lab.clock.now_) {
    auto& smtp = lab.settings.smtp;
    smtp.adaptive = is_adaptive;
    smtp.max_connections = connections;
    smtp.max_messages = 0;
    smtp.max_lifetime = 1h;
    smtp.rate = {ceiling, 1s, 1};
    lab.network.latency = round_trip;
    lab.network.behaviour.answer = [this](SimulatedServer& server, std::string const& line) {
      return provider.answer(server, line, lab.clock.now_);
    };
    auto const start = lab.clock.now_;
    while (lab.clock.now_ < start + span) {
      lab.answers.remove_if([](auto const& a) { return a.is_over(); });
      while (lab.answers.size() < ceiling + connections) lab.send({"someone@one.test"});
      lab.pass(500ms);
    }
  }

  [[nodiscard]] double refused_share() const {
    auto const refused = static_cast<double>(provider.refused_at.size());
    return refused / (refused + static_cast<double>(provider.accepted));
  }
  /// When nine tenths of the ceiling were first reached after the cut, and kept for five seconds.
  [[nodiscard]] Duration recovered_at(double of) const {
    for (auto const& [span, count] : provider.per)
      if (span * 5s >= cut_ends && static_cast<double>(count) / 5 >= 0.9 * of) return span * 5s;
    return Duration::max();
  }
  [[nodiscard]] double per_second(Duration from, Duration to) const {
    std::uint64_t sum = 0;
    for (auto const& [span, count] : provider.per)
      if (span * 5s >= from && span * 5s < to) sum += count;
    return static_cast<double>(sum) / seconds(to - from);
  }

  DeliveryLab lab;
  Provider provider;
};

BOOST_AUTO_TEST_CASE(
    a_cut_to_a_tenth_is_followed_within_two_flights_and_forgotten_within_three_minutes) {
  Minutes const it(the_end);
  auto const& p = it.provider;
  BOOST_TEST_MESSAGE(p.accepted << " accepted, " << p.refused_at.size() << " refused ("
                                << it.refused_share() * 100 << " %) in " << p.flights_refused()
                                << " flights; " << it.per_second(200s, 240s)
                                << "/s late in the cut; 90 % again "
                                << seconds(it.recovered_at(ceiling) - cut_ends) << " s after it");
  BOOST_TEST(it.per_second(1min, 3min) >= 0.95 * ceiling);
  BOOST_TEST(it.refused_share() < 0.02);
  BOOST_TEST(p.flights_refused() <= 2U);
  BOOST_CHECK(it.recovered_at(ceiling) <= recovered_by);
  BOOST_TEST(it.per_second(recovered_by, the_end) >= 0.95 * ceiling);
  for (auto const at : p.refused_at) BOOST_CHECK(at >= cut_begins && at < cut_ends);
  BOOST_TEST(it.per_second(cut_begins + 20s, cut_ends) > 0);  // it is slowed down, not stopped
}

BOOST_AUTO_TEST_CASE(without_adaptive_the_provider_refuses_most_of_a_minute) {
  Minutes const it(cut_ends, false);
  BOOST_TEST(it.refused_share() > 0.02);
  BOOST_TEST(it.provider.flights_refused() > 2U);
}

}  // namespace
}  // namespace mailpool::delivery
