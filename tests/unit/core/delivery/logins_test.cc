#include "core/delivery/logins.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::delivery;
using namespace std::chrono_literals;
using Readiness = Logins::Readiness;

namespace {

LoginSettings with_password() {
  LoginSettings s;
  s.user = "relay";
  s.password_file = "/p";
  return s;
}

LoginSettings with_token() {
  LoginSettings s;
  s.user = "relay";
  s.token_file = "/t";
  return s;
}

struct Story {
  explicit Story(LoginSettings settings = with_password()) {
    logins.set_nonce([] { return "nonce"; });
    logins.reconfigure({{"a", std::move(settings)}});
  }
  /// The secret that was wanted comes.
  void read(std::string_view secret) {
    BOOST_REQUIRE(logins.take_wanted().size() == 1U);
    (void)logins.take("a", Secret(secret), now);
  }
  bool is_ready() { return logins.ask("a", now) == Readiness::Ready; }
  [[nodiscard]] std::uint64_t version() const { return logins.credential({"a", ""}).version; }
  bool refuse(std::uint64_t of_version) {
    return logins.refused("a", of_version, Outcome::local(451, {4, 7, 8}, "535 no"), now);
  }

  Logins logins;
  TimePoint now{1000h};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(logins)

BOOST_AUTO_TEST_CASE(a_login_waits_for_its_secret_and_then_serves) {
  Story s;
  BOOST_CHECK((s.logins.ask("a", s.now) == Readiness::Reading));
  BOOST_TEST(s.logins.login("a", "mx", 25) == nullptr);
  s.read("secret");
  BOOST_TEST(s.is_ready());
  BOOST_TEST(s.logins.login("a", "mx", 25) != nullptr);
  BOOST_TEST(!s.logins.has_wanted());
}

BOOST_AUTO_TEST_CASE(a_secret_that_cannot_be_read_defers_and_is_looked_for_again) {
  Story s;
  (void)s.logins.take_wanted();
  (void)s.logins.take("a", failed("password_file \"/p\": Permission denied"), s.now);
  BOOST_CHECK((s.logins.ask("a", s.now) == Readiness::Unusable));
  BOOST_TEST(s.logins.why_unusable("a", s.now).reply_line() ==
             "451 4.7.8 login a: password_file \"/p\": Permission denied");
  s.now += 9s;
  BOOST_CHECK((s.logins.ask("a", s.now) == Readiness::Unusable));
  s.now += 2s;
  BOOST_CHECK((s.logins.ask("a", s.now) == Readiness::Reading));
  s.read("secret");
  BOOST_TEST(s.is_ready());
}

BOOST_AUTO_TEST_CASE(a_refused_password_does_not_hammer) {
  Story s;
  s.read("wrong");
  BOOST_TEST(s.refuse(s.version()));
  BOOST_CHECK((s.logins.ask("a", s.now) == Readiness::Unusable));
  BOOST_TEST(s.logins.why_unusable("a", s.now).reply_line() ==
             "451 4.7.8 login a was refused, next try in 5m (retry_after): 535 no");
  s.now += 5min - 1ms;
  BOOST_TEST(!s.is_ready());
  s.now += 1ms;
  BOOST_TEST(s.is_ready());
}

BOOST_AUTO_TEST_CASE(a_new_password_ends_the_wait_and_the_same_one_does_not) {
  Story s;
  s.read("wrong");
  auto const before = s.version();
  (void)s.refuse(before);
  s.logins.reconfigure({{"a", with_password()}});
  s.read("wrong");
  BOOST_TEST(!s.is_ready());
  BOOST_TEST(s.version() == before);
  s.logins.reconfigure({{"a", with_password()}});
  s.read("right");
  BOOST_TEST(s.is_ready());
  BOOST_TEST(s.version() != before);
}

BOOST_AUTO_TEST_CASE(the_refusal_of_an_old_password_says_nothing_of_the_new_one) {
  Story s;
  s.read("old");
  auto const old = s.version();
  s.logins.reconfigure({{"a", with_password()}});
  s.read("new");
  BOOST_TEST(!s.refuse(old));
  BOOST_TEST(s.is_ready());
}

BOOST_AUTO_TEST_CASE(a_token_is_read_again_when_it_is_old_and_when_it_is_refused) {
  Story s(with_token());
  s.read("first");
  s.now += 10min - 1ms;
  BOOST_TEST(s.is_ready());
  s.now += 1ms;
  BOOST_TEST(!s.is_ready());
  s.read("second");
  BOOST_TEST(s.is_ready());
  (void)s.refuse(s.version());
  BOOST_TEST(s.logins.has_wanted());
  s.read("third");
  BOOST_TEST(s.is_ready());
}

BOOST_AUTO_TEST_CASE(fresh_tokens_that_are_refused_too_do_not_hammer) {
  Story s(with_token());
  s.read("first");
  (void)s.refuse(s.version());
  s.read("second");
  (void)s.refuse(s.version());
  BOOST_TEST(!s.logins.has_wanted());
  BOOST_CHECK((s.logins.ask("a", s.now) == Readiness::Unusable));
  s.now += 5min - 1ms;
  BOOST_TEST(!s.is_ready());
  s.now += 1ms;
  BOOST_TEST(s.is_ready());
  (void)s.refuse(s.version());
  BOOST_TEST(s.logins.has_wanted());
}

BOOST_AUTO_TEST_CASE(no_two_secrets_and_no_two_users_are_the_same_credential) {
  Logins logins;
  logins.reconfigure({{"a", with_password()}, {"b", with_password()}});
  (void)logins.take("a", Secret("same"), {});
  (void)logins.take("b", Secret("same"), {});
  BOOST_CHECK((logins.credential({"a", ""}) != logins.credential({"b", ""})));
  BOOST_CHECK((logins.credential({"a", ""}) != logins.credential({"a", "one.example"})));
  BOOST_CHECK((logins.credential({"a", ""}) != pool::Credential{}));
  BOOST_CHECK((logins.credential({}) == pool::Credential{}));
  auto const before = logins.credential({"a", ""});
  auto other = with_password();
  other.allow_plaintext = true;
  logins.reconfigure({{"a", other}});
  BOOST_CHECK((logins.credential({"a", ""}) != before));
}

BOOST_AUTO_TEST_CASE(a_login_that_is_configured_no_more_is_unusable) {
  Story s;
  s.read("secret");
  s.logins.reconfigure({});
  BOOST_CHECK((s.logins.ask("a", s.now) == Readiness::Unusable));
  BOOST_TEST(s.logins.why_unusable("a", s.now).reply_line() ==
             "451 4.7.8 there is no [login.a] any more");
  BOOST_TEST(s.logins.login("a", "mx", 25) == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
