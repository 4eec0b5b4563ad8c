#include "fakemx/provider.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::fakemx;
using std::chrono::milliseconds;

namespace {

TimePoint at(int ms) {
  return TimePoint() + milliseconds(ms);
}

Settings settings_with(std::string_view name, std::string_view value) {
  Settings settings;
  BOOST_REQUIRE(change(settings, name, value).has_value());
  return settings;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fakemx_provider)

BOOST_AUTO_TEST_CASE(a_bucket_holds_a_second_and_one_and_fills_at_its_rate) {
  RateMeter meter(Rate{50, std::chrono::seconds(1)}, RateMeasure::Bucket);
  for (int i = 0; i < 51; ++i) BOOST_TEST(meter.take(at(0)), i);
  BOOST_TEST(!meter.take(at(0)));
  BOOST_TEST(!meter.take(at(19)));
  BOOST_TEST(meter.take(at(41)));
  BOOST_TEST(meter.take(at(41)));
  BOOST_TEST(!meter.take(at(41)));
}

BOOST_AUTO_TEST_CASE(a_client_that_keeps_the_rate_is_never_refused_for_a_little_jitter) {
  RateMeter meter(Rate{50, std::chrono::seconds(1)}, RateMeasure::Bucket);
  for (int i = 0; i < 50; ++i) BOOST_TEST(meter.take(at(15)));
  for (int i = 1; i < 2000; ++i)
    BOOST_TEST(meter.take(at(i * 20 + (i % 3 == 0 ? 15 : 0))), "message " << i);
}

BOOST_AUTO_TEST_CASE(a_window_never_holds_more_than_its_count) {
  RateMeter meter(Rate{3, std::chrono::seconds(1)}, RateMeasure::Window);
  BOOST_TEST(meter.take(at(0)));
  BOOST_TEST(meter.take(at(400)));
  BOOST_TEST(meter.take(at(900)));
  BOOST_TEST(!meter.take(at(999)));
  BOOST_TEST(meter.take(at(1000)));
  BOOST_TEST(!meter.take(at(1399)));
  BOOST_TEST(meter.take(at(1400)));
}

BOOST_AUTO_TEST_CASE(messages_beyond_the_rate_are_refused_and_counted) {
  auto const settings = settings_with("rate", "2/s");
  Provider provider;
  int admitted = 0;
  for (int i = 0; i < 10; ++i) admitted += provider.admit_message(settings, "", at(0)) ? 1 : 0;
  BOOST_TEST(admitted == 3);
  BOOST_TEST(provider.violations.rate == 7);
}

BOOST_AUTO_TEST_CASE(without_a_rate_everything_is_admitted) {
  Provider provider;
  for (int i = 0; i < 1000; ++i) BOOST_TEST(provider.admit_message(Settings(), "", at(0)));
}

BOOST_AUTO_TEST_CASE(each_domain_of_a_pattern_has_its_own_limits) {
  auto const settings = settings_with("limit", "*.example connections=1");
  using enum Provider::DomainAnswer;
  Provider provider;
  BOOST_TEST((provider.enter_domain(settings, "a.example", at(0)) == Ok));
  BOOST_TEST((provider.enter_domain(settings, "A.Example", at(0)) == TooMany));
  BOOST_TEST((provider.enter_domain(settings, "b.example", at(0)) == Ok));
  BOOST_TEST((provider.enter_domain(settings, "other.test", at(0)) == Ok));
  provider.leave_domain("a.example");
  BOOST_TEST((provider.enter_domain(settings, "a.example", at(0)) == Ok));
  BOOST_TEST(provider.violations.domain_connections == 1);
}

BOOST_AUTO_TEST_CASE(a_domain_that_is_too_fast_is_told_so) {
  auto const settings = settings_with("limit", "a.example rate=1/s");
  using enum Provider::DomainAnswer;
  Provider provider;
  BOOST_TEST((provider.enter_domain(settings, "a.example", at(0)) == Ok));
  BOOST_TEST((provider.enter_domain(settings, "a.example", at(0)) == Ok));
  BOOST_TEST((provider.enter_domain(settings, "a.example", at(0)) == TooFast));
  BOOST_TEST(provider.violations.domain_rate == 1);
}

BOOST_AUTO_TEST_CASE(settings_refuse_what_they_cannot_mean) {
  Settings settings;
  for (auto const& [name, value] :
       std::initializer_list<std::pair<char const*, char const*>>{{"rate", "50"},
                                                                  {"rate", "0/s"},
                                                                  {"rate", "5/y"},
                                                                  {"rtt", "-1s"},
                                                                  {"rtt", "50"},
                                                                  {"max-messages", "many"},
                                                                  {"max-messages-how", "loud"},
                                                                  {"limit", "a.example"},
                                                                  {"limit", "rate=5/s"},
                                                                  {"limits", "MAILMAX=0"},
                                                                  {"limits", "FOOMAX=3"},
                                                                  {"without", "PIPELINING,FOO"},
                                                                  {"size", "12XB"},
                                                                  {"hostname", "a b"}})
    BOOST_TEST(!change(settings, name, value).has_value(), name << " " << value);
}

BOOST_AUTO_TEST_CASE(settings_take_what_they_mean) {
  auto const limits = settings_with("limits", "MAILMAX=20,RCPTMAX=5");
  BOOST_TEST(limits.mail_max == 20);
  BOOST_TEST(limits.rcpt_max == 5);
  BOOST_TEST(
      !settings_with("without", "pipelining,8BITMIME").extensions.has(Extension::Pipelining));
  BOOST_TEST(settings_with("size", "2MiB").max_size == 2U << 20U);
  BOOST_TEST((settings_with("rtt", "50ms").rtt == milliseconds(50)));
  BOOST_TEST(settings_with("rate", "600/min").rate.per_second() == 10);
}

BOOST_AUTO_TEST_CASE(what_is_counted_for_each_client_is_counted_for_each_by_itself) {
  auto settings = settings_with("rate", "1/s");
  auto const admitted = [&](Provider& provider, std::string const& client) {
    int count = 0;
    for (int i = 0; i < 10; ++i) count += provider.admit_message(settings, client, at(0)) ? 1 : 0;
    return count;
  };
  Provider together;
  BOOST_TEST(admitted(together, "127.0.0.2") == 2);
  BOOST_TEST(admitted(together, "127.0.0.3") == 0);
  BOOST_REQUIRE(change(settings, "per-client", "yes").has_value());
  Provider apart;
  for (auto const* client : {"127.0.0.2", "127.0.0.3"}) {
    BOOST_TEST(admitted(apart, client) == 2);
    apart.connection_opened(client);
    apart.connection_opened(client);
    BOOST_TEST(apart.open_for(settings, client) == 2U);
  }
  BOOST_TEST(apart.open_for(settings_with("per-client", "no"), "127.0.0.2") == 4U);
  apart.connection_closed("127.0.0.2");
  BOOST_TEST(apart.open_for(settings, "127.0.0.2") == 1U);
  BOOST_TEST(apart.open_for(settings, "127.0.0.3") == 2U);
  apart.accepted("127.0.0.2");
  BOOST_TEST(apart.uses().at("127.0.0.2").messages == 1U);
  BOOST_TEST(apart.uses().at("127.0.0.2").most_open == 2U);
  apart.reset_uses();
  BOOST_TEST(apart.uses().at("127.0.0.2").messages == 0U);
  BOOST_TEST(apart.uses().at("127.0.0.2").most_open == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
