// Logins at work: who uses which, what is shared, and what a refusal leads to.
#include <boost/test/unit_test.hpp>

#include "core/base/base64.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

struct LoginLab : DeliveryLab {
  LoginLab() {
    settings.logins["relay"] = login_of("relay");
    settings.logins["other"] = login_of("other");
    for (auto const* route : {"one.test", "pair.test"}) settings.route_logins[route] = "relay";
    settings.sender_domains["special.test"].login = "other";
    network.behaviour.ehlo = "250-mx\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n";
    network.behaviour.answer = [this](SimulatedServer&, std::string const& line) {
      if (!line.starts_with("AUTH")) return std::string("?");
      logins.push_back(from_base64(line.substr(11)).value_or("?"));
      return logins.back().ends_with(right_password) ? std::string("235 2.7.0 ok\r\n")
                                                     : std::string("535 5.7.8 wrong password\r\n");
    };
  }

  static LoginSettings login_of(std::string const& user) {
    LoginSettings s;
    s.user = user;
    s.password_file = "/p";
    s.allow_plaintext = true;
    return s;
  }
  void begin_with(std::string_view password) {
    begin();
    context->logins.set_nonce([] { return "nonce"; });
    give(password);
  }
  /// Every secret that is wanted comes.
  void give(std::string_view password) {
    for (auto const& wanted : context->logins.take_wanted())
      (void)context->logins.take(wanted.name, Secret(password), clock.now_);
    dispatcher->logins_changed(clock.now_);
    settle();
  }
  Answers& deliver_from(std::string const& sender, std::string const& recipient) {
    this->sender = sender;
    return deliver(recipient);
  }

  std::string right_password = "right";
  std::vector<std::string> logins;  ///< as they were said
};

std::string said(std::string const& user, std::string const& password) {
  return std::string(1, '\0') + user + std::string(1, '\0') + password;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(site_login)

BOOST_AUTO_TEST_CASE(a_connection_logs_in_once_and_is_used_again) {
  LoginLab lab;
  lab.begin_with("right");
  BOOST_TEST(lab.deliver("a@one.test").is_delivered());
  BOOST_TEST(lab.deliver("b@one.test").is_delivered());
  BOOST_TEST(lab.opened() == 1U);
  BOOST_REQUIRE(lab.logins.size() == 1U);
  BOOST_TEST(lab.logins[0] == said("relay", "right"));
}

BOOST_AUTO_TEST_CASE(a_route_without_a_login_is_never_shown_one) {
  LoginLab lab;
  lab.begin_with("right");
  BOOST_TEST(lab.deliver_from("x@special.test", "a@two.test").is_delivered());
  BOOST_TEST(lab.logins.empty());
}

BOOST_AUTO_TEST_CASE(a_sender_domain_with_a_login_of_its_own_shares_no_connection) {
  LoginLab lab;
  lab.begin_with("right");
  BOOST_TEST(lab.deliver_from("x@mail.test", "a@one.test").is_delivered());
  BOOST_TEST(lab.deliver_from("x@Special.TEST", "a@one.test").is_delivered());
  BOOST_TEST(lab.deliver_from("y@special.test", "b@one.test").is_delivered());
  BOOST_TEST(lab.opened() == 2U);
  BOOST_REQUIRE(lab.logins.size() == 2U);
  BOOST_TEST(lab.logins[1] == said("other", "right"));
}

BOOST_AUTO_TEST_CASE(mail_waits_until_the_secret_is_read) {
  LoginLab lab;
  lab.begin();
  lab.context->logins.set_nonce([] { return "nonce"; });
  auto& answers = lab.deliver("a@one.test");
  BOOST_TEST(!answers.is_over());
  BOOST_TEST(lab.opened() == 0U);
  lab.give("right");
  BOOST_TEST(answers.is_delivered());
}

BOOST_AUTO_TEST_CASE(a_wrong_password_bounces_nothing_and_is_tried_at_one_host_once) {
  LoginLab lab;
  lab.begin_with("mistaken");
  auto const line = lab.deliver("a@pair.test").line();
  BOOST_TEST(line.starts_with("451 4.7.8 login relay was refused, next try in 5m"), line);
  BOOST_TEST(line.ends_with("said: 535 5.7.8 wrong password (in reply to AUTH)"), line);
  BOOST_TEST(lab.deliver("b@pair.test").line().starts_with("451 4.7.8"));
  BOOST_TEST(lab.deliver("c@one.test").line().starts_with("451 4.7.8"));
  BOOST_TEST(lab.opened() == 1U);
  lab.pass(5min);
  BOOST_TEST(lab.deliver("d@pair.test").line().starts_with("451 4.7.8"));
  BOOST_TEST(lab.opened() == 2U);
}

BOOST_AUTO_TEST_CASE(a_host_without_auth_hears_no_password_and_the_next_is_asked) {
  LoginLab lab;
  lab.network.behaviour.ehlo = "?";
  lab.network.behaviour.answer = [&, answer = lab.network.behaviour.answer](
                                     SimulatedServer& server, std::string const& line) {
    if (!line.starts_with("EHLO")) return answer(server, line);
    bool const is_first = server.address.address.to_string() == "192.0.2.3";
    return std::string(is_first ? "250 mx\r\n" : "250-mx\r\n250 AUTH PLAIN\r\n");
  };
  lab.begin_with("right");
  BOOST_TEST(lab.deliver("a@pair.test").is_delivered());
  BOOST_TEST(lab.network.servers.back()->address.address.to_string() == "192.0.2.4");
  BOOST_TEST(lab.logins.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_new_password_is_used_at_once_and_old_connections_are_not) {
  LoginLab lab;
  lab.begin_with("right");
  BOOST_TEST(lab.deliver("a@one.test").is_delivered());
  lab.right_password = "newer";
  lab.dispatcher->reconfigure(lab.settings, lab.clock.now_);
  lab.give("newer");
  BOOST_TEST(lab.deliver("b@one.test").is_delivered());
  BOOST_TEST(lab.opened() == 2U);
  BOOST_REQUIRE(lab.logins.size() == 2U);
  BOOST_TEST(lab.logins[1] == said("relay", "newer"));
}

BOOST_AUTO_TEST_CASE(a_reload_that_changes_nothing_keeps_the_connection) {
  LoginLab lab;
  lab.begin_with("right");
  BOOST_TEST(lab.deliver("a@one.test").is_delivered());
  lab.dispatcher->reconfigure(lab.settings, lab.clock.now_);
  lab.give("right");
  BOOST_TEST(lab.deliver("b@one.test").is_delivered());
  BOOST_TEST(lab.opened() == 1U);
}

BOOST_AUTO_TEST_CASE(no_log_line_holds_the_password) {
  LoginLab lab;
  lab.begin_with("wrong password of many words");
  (void)lab.deliver("a@one.test");
  for (auto const& line : lab.log.lines) {
    BOOST_TEST(line.find("wrong password of") == std::string::npos, line);
    BOOST_TEST(line.find(to_base64(said("relay", "wrong password of many words"))) ==
               std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()
