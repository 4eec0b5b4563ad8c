// What senders ask of TLS (RFC 8689): which connections carry a message with REQUIRETLS, which one
// with "TLS-Required: No", and what the sender is told otherwise.

#include <boost/test/unit_test.hpp>

#include "fakes/contains.h"
#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

/// A server that offers REQUIRETLS under TLS, and two that are tried one after the other.
struct SenderTlsLab : DeliveryLab {
  SenderTlsLab() {
    settings.routes["a.test"] = settings.routes["b.test"] = {{"192.0.2.1", 25}};
    settings.smtp.tls_settings.match = {"mx.example.com"};
    network.behaviour.ehlo = "250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
    network.behaviour.answer = [this](SimulatedServer& server, std::string const& line) {
      auto const at = server.address.address.to_string();
      if (line == "STARTTLS") return starttls;
      if (!line.starts_with("EHLO")) return std::string("?");
      if (has_said(server, "STARTTLS"))
        return "250-mx\r\n250 " + std::string(lacks == at ? "PIPELINING" : "REQUIRETLS") + "\r\n";
      return plain_ehlo.empty() ? std::string("?") : plain_ehlo;
    };
    network.behaviour.tls = [this](auto const&, auto const&) { return shown; };
    shown = facts("mx.example.com");
  }
  static bool has_said(SimulatedServer const& server, std::string const& line) {
    return std::find(server.commands.begin(), server.commands.end(), line) != server.commands.end();
  }
  tls::Facts facts(std::string const& name, bool is_good = true) const {
    tls::Facts f;
    f.version = "TLSv1.3";
    f.chain_is_good = is_good;
    f.chain_problem = is_good ? "" : "self-signed certificate";
    auto certificate = std::make_shared<tls::Certificate>();
    certificate->names = {name};
    certificate->not_after = clock.wall(clock.now_ + 1h);
    f.certificate = certificate;
    return f;
  }
  Answers& deliver_with_require_tls(std::string const& recipient) {
    require_tls = true;
    auto& answer = deliver(recipient);
    require_tls = false;
    return answer;
  }
  Answers& deliver_with_tls_required_no(std::string const& recipient) {
    tls_required_no = true;
    auto& answer = deliver(recipient);
    tls_required_no = false;
    return answer;
  }
  std::string starttls = "220 go ahead\r\n";
  std::string plain_ehlo;
  std::string lacks;  ///< the address of a server without REQUIRETLS
  std::optional<tls::Facts> shown;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(what_senders_ask_of_tls, SenderTlsLab)

BOOST_AUTO_TEST_CASE(requiretls_is_passed_on) {
  BOOST_TEST(deliver_with_require_tls("u@a.test").is_delivered());
  BOOST_TEST(count_commands("MAIL FROM:<sender@mail.test> REQUIRETLS") == 1U);
}

BOOST_AUTO_TEST_CASE(a_connection_that_proves_enough_is_shared_with_ordinary_mail) {
  deliver("u@a.test");
  deliver_with_require_tls("u@a.test");
  deliver("u@b.test");
  deliver_with_require_tls("u@b.test");
  BOOST_TEST(opened() == 1U);
  BOOST_TEST(count_commands("MAIL") == 4U);
  BOOST_TEST(count_commands("MAIL FROM:<sender@mail.test> REQUIRETLS") == 2U);
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_offer_it_gets_no_mail_and_the_sender_is_told) {
  lacks = "192.0.2.1";
  BOOST_TEST(deliver_with_require_tls("u@a.test").line() ==
             "550 5.7.30 192.0.2.1[192.0.2.1]:25: REQUIRETLS requires a server that offers it, and "
             "this one does not");
  BOOST_TEST(count_commands("MAIL") == 0U);
  BOOST_TEST(deliver("u@a.test").is_delivered());
  BOOST_TEST(contains(deliver_with_require_tls("u@a.test").line(), "550 5.7.30 "));
  BOOST_TEST(count_commands("MAIL") == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_offered_in_plain_text_counts_for_nothing) {
  lacks = "192.0.2.1";
  plain_ehlo = "250-mx\r\n250-REQUIRETLS\r\n250 STARTTLS\r\n";
  BOOST_TEST(contains(deliver_with_require_tls("u@a.test").line(), "550 5.7.30 "));
  plain_ehlo = "250-mx\r\n250 REQUIRETLS\r\n";
  pass(10s);
  BOOST_TEST(contains(deliver_with_require_tls("u@b.test").line(), "550 5.7.10 "));
  BOOST_TEST(count_commands("MAIL") == 0U);
}

BOOST_AUTO_TEST_CASE(a_certificate_that_does_not_prove_the_host_is_no_way) {
  for (auto const& bad : {facts("other.example"), facts("mx.example.com", false)}) {
    shown = bad;
    pass(10min);
    BOOST_TEST(contains(deliver_with_require_tls("u@a.test").line(), "550 5.7.10 "));
  }
  BOOST_TEST(count_commands("MAIL") == 0U);
  BOOST_TEST(deliver("u@a.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(a_handshake_that_fails_is_no_way_and_no_plain_text_is_tried) {
  shown.reset();
  BOOST_TEST(contains(deliver_with_require_tls("u@a.test").line(), "(REQUIRETLS requires TLS)"));
  BOOST_TEST(contains(deliver_with_require_tls("u@a.test").line(), "550 5.7.10 "));
  BOOST_TEST(opened() == 1U);
}

BOOST_AUTO_TEST_CASE(a_refusal_of_starttls_is_as_good_for_ever_as_its_code) {
  starttls = "454 4.7.0 TLS not available now\r\n";
  BOOST_TEST(contains(deliver_with_require_tls("u@a.test").line(), "451 4.7.5 "));
  starttls = "502 5.5.1 no\r\n";
  pass(10min);
  BOOST_TEST(contains(deliver_with_require_tls("u@a.test").line(), "550 5.7.10 "));
}

BOOST_AUTO_TEST_CASE(the_next_host_is_tried_and_the_last_decides) {
  lacks = "192.0.2.3";
  BOOST_TEST(deliver_with_require_tls("u@pair.test").is_delivered());
  BOOST_TEST(network.servers.back()->address.address.to_string() == "192.0.2.4");
}

BOOST_AUTO_TEST_CASE(a_host_that_cannot_be_reached_now_may_be_a_way_later) {
  lacks = "192.0.2.3";
  network.behaviour.accepts = [](auto const& target) {
    return target.address.to_string() == "192.0.2.3";
  };
  BOOST_TEST(contains(deliver_with_require_tls("u@pair.test").line(), "451 4.4.1 "));
  lacks = "192.0.2.4";
  network.behaviour.accepts = [](auto const& target) {
    return target.address.to_string() == "192.0.2.4";
  };
  pass(10min);
  BOOST_TEST(contains(deliver_with_require_tls("u@pair.test").line(), "451 4.4.1 "));
}

BOOST_AUTO_TEST_CASE(no_tls_by_option_is_no_way_and_nothing_is_connected_to) {
  settings.smtp.tls = TlsLevel::None;
  BOOST_TEST(contains(deliver_with_require_tls("u@a.test").line(), "550 5.7.10 "));
  BOOST_TEST(opened() == 0U);
}

BOOST_AUTO_TEST_CASE(the_wrapper_carries_it_too) {
  settings.smtp.tls_settings.wrapper = true;
  network.behaviour.greeting = "";
  network.behaviour.answer = [](auto const&, std::string const&) { return std::string("?"); };
  network.behaviour.ehlo = "250-mx\r\n250 REQUIRETLS\r\n";
  network.behaviour.tls = [this](auto const&, auto const&) {
    network.servers.back()->to_send.push_back({clock.now_, "220 mx ESMTP\r\n"});
    return shown;
  };
  BOOST_TEST(deliver_with_require_tls("u@a.test").is_delivered());
  BOOST_TEST(count_commands("MAIL FROM:<sender@mail.test> REQUIRETLS") == 1U);
}

BOOST_AUTO_TEST_CASE(it_outweighs_the_header) {
  shown = facts("other.example");
  tls_required_no = true;
  BOOST_TEST(contains(deliver_with_require_tls("u@a.test").line(), "550 5.7.10 "));
}

BOOST_AUTO_TEST_CASE(a_report_of_tls_tells_nothing_of_it) {
  lacks = "192.0.2.1";
  deliver_with_require_tls("u@a.test");
  auto const today = tls::day_of(clock.wall(clock.now_));
  auto const counts = context->tls.reports.of("a.test", today);
  BOOST_TEST(counts.at(0).successes == 1U);
}

BOOST_AUTO_TEST_CASE(min_idle_keeps_connections_for_ordinary_mail) {
  settings.smtp.min_idle = 1;
  lacks = "192.0.2.1";
  deliver_with_require_tls("u@a.test");
  pass(1s);
  BOOST_TEST(deliver("u@a.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(tls_required_no_relaxes_every_level_but_none) {
  settings.smtp.tls = TlsLevel::Secure;
  shown = facts("other.example");
  BOOST_TEST(contains(deliver("u@a.test").line(), "451 4.7.5 "));
  BOOST_TEST(deliver_with_tls_required_no("u@a.test").is_delivered());
  BOOST_TEST(count_commands("STARTTLS") == 2U);  // asked for all the same
  shown.reset();
  pass(1h);
  BOOST_TEST(deliver_with_tls_required_no("u@b.test").is_delivered());  // in plain text
}

BOOST_AUTO_TEST_CASE(its_connections_are_its_own_in_both_directions) {
  deliver("u@a.test");
  deliver_with_tls_required_no("u@a.test");
  BOOST_TEST(opened() == 2U);
  deliver_with_tls_required_no("u@b.test");
  deliver("u@b.test");
  deliver_with_require_tls("u@b.test");
  BOOST_TEST(opened() == 2U);
  BOOST_TEST(network.servers[1]->commands.size() < network.servers[0]->commands.size());
}

BOOST_AUTO_TEST_CASE(an_operator_may_have_the_header_ignored) {
  settings.smtp.tls = TlsLevel::Secure;
  settings.smtp.tls_settings.required_no = false;
  shown = facts("other.example");
  BOOST_TEST(contains(deliver_with_tls_required_no("u@a.test").line(), "451 4.7.5 "));
  settings.smtp.tls_settings.required_no = true;
  dispatcher->reconfigure(settings, clock.now_);
  BOOST_TEST(deliver_with_tls_required_no("u@a.test").is_delivered());
}

BOOST_AUTO_TEST_CASE(no_tls_by_option_stays_no_tls_for_it) {
  settings.smtp.tls = TlsLevel::None;
  BOOST_TEST(deliver_with_tls_required_no("u@a.test").is_delivered());
  BOOST_TEST(count_commands("STARTTLS") == 0U);
}

BOOST_AUTO_TEST_CASE(what_it_met_is_no_part_of_a_report_of_tls) {
  shown = facts("other.example");
  deliver_with_tls_required_no("u@a.test");
  BOOST_TEST(context->tls.reports.of("a.test", tls::day_of(clock.wall(clock.now_))).empty());
}

BOOST_AUTO_TEST_SUITE_END()
