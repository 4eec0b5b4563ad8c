#include "manager/unbound_resolver.h"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <functional>
#include <optional>

#include "core/route/router.h"
#include "fakes/dice.h"
#include "fakes/dns_server.h"
#include "fakes/signed_root.h"
#include "manager/own_addresses.h"
#include "unit/manager/scratch.h"

using namespace mailpool;
using namespace mailpool::manager;
using namespace mailpool::route;
using namespace std::chrono_literals;
using fakes::DnsReply;

namespace {

struct Lines final : Log {
  void write(LogLevel level, std::string line) override {
    lines.emplace_back(level, std::move(line));
  }
  [[nodiscard]] bool is_on(LogLevel) const override { return true; }
  [[nodiscard]] bool has(LogLevel level, std::string_view part) const {
    return std::any_of(lines.begin(), lines.end(), [&](auto const& l) {
      return l.first == level && l.second.find(part) != std::string::npos;
    });
  }
  std::vector<std::pair<LogLevel, std::string>> lines;
};

struct MxAsker final : MxListener {
  void on_mx(MxAnswer a) override {
    answer = std::move(a);
    ++calls;
    if (then) then();
  }
  std::optional<MxAnswer> answer;
  int calls = 0;
  std::function<void()> then;
};

struct AddressAsker final : AddressListener {
  void on_addresses(AddressAnswer a) override { answer = std::move(a); }
  std::optional<AddressAnswer> answer;
};

struct World {
  World() {
    settings.servers = {server.address()};
    settings.trust_anchor = "";
    settings.timeout = 5s;
    server.answer("example.com", type_mx,
                  DnsReply("example.com", type_mx).mx("example.com", 300, 10, "mx.example.com"));
    server.answer("mx.example.com", type_a,
                  DnsReply("mx.example.com", type_a).a("mx.example.com", 300, "192.0.2.1"));
    server.answer("mx.example.com", type_aaaa,
                  DnsReply("mx.example.com", type_aaaa).aaaa("mx.example.com", 300, "2001:db8::1"));
  }
  UnboundResolver& resolver() {
    if (!resolver_) resolver_ = std::make_unique<UnboundResolver>(loop, log, settings);
    return *resolver_;
  }
  /// Turns the loop until it is so; a hung test is ended by a guard timer.
  bool until(std::function<bool()> const& is_so) {
    auto guard = loop.make_event(
        -1, 0, [](evutil_socket_t, short, void*) {}, nullptr);
    Loop::arm(guard.get(), 20s);
    while (!is_so() && evtimer_pending(guard.get(), nullptr) != 0)
      event_base_loop(loop.base(), EVLOOP_ONCE);
    return is_so();
  }
  MxAnswer mx(std::string const& domain) {
    MxAsker asker;
    auto const question = resolver().mx(domain, asker);
    until([&] { return asker.answer.has_value(); });
    return asker.answer.value_or(MxAnswer{});
  }
  AddressAnswer addresses(std::string const& host, IpAddress::Family family) {
    AddressAsker asker;
    auto const question = resolver().addresses(host, family, asker);
    until([&] { return asker.answer.has_value(); });
    return asker.answer.value_or(AddressAnswer{});
  }
  void trust(std::string const& anchor) {
    settings.trust_anchor = scratch / "anchor";
    std::ofstream(settings.trust_anchor) << anchor;
  }

  tests::Scratch scratch;
  Loop loop;
  Lines log;
  fakes::DnsServer server{loop.base()};
  DnsSettings settings;

 private:
  std::unique_ptr<UnboundResolver> resolver_;
};

constexpr auto V4 = IpAddress::Family::V4;
constexpr auto V6 = IpAddress::Family::V6;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(unbound_resolver, World)

BOOST_AUTO_TEST_CASE(mx_and_addresses_come_from_the_configured_server) {
  auto const answer = mx("example.com");
  BOOST_TEST((answer.status == DnsStatus::Answer));
  BOOST_TEST(answer.records.at(0).host == "mx.example.com");
  BOOST_TEST(!answer.secure);
  BOOST_TEST(addresses("mx.example.com", V4).addresses.at(0).to_string() == "192.0.2.1");
  BOOST_TEST(addresses("mx.example.com", V6).addresses.at(0).to_string() == "2001:db8::1");
}

BOOST_AUTO_TEST_CASE(an_answer_brings_the_end_of_a_turn_so_that_what_waits_for_it_goes_on) {
  int turns = 0;
  loop.at_end_of_turn([&] { ++turns; });
  MxAsker asker;
  auto const question = resolver().mx("example.com", asker);
  BOOST_TEST(turns == 0);
  BOOST_TEST(until([&] { return asker.answer.has_value() && turns > 0; }));
}

BOOST_AUTO_TEST_CASE(a_cached_answer_comes_inside_the_call_and_costs_no_packet) {
  (void)mx("example.com");
  MxAsker again;
  auto const question = resolver().mx("example.com", again);
  BOOST_TEST((question == nullptr));
  BOOST_TEST(again.calls == 1);
  BOOST_TEST(server.asked["example.com"] == 1);
}

BOOST_AUTO_TEST_CASE(nxdomain_and_no_data_are_told_apart_and_carry_their_ttl) {
  auto const missing = mx("missing.example.com");
  BOOST_TEST((missing.status == DnsStatus::NoName));
  BOOST_TEST((missing.ttl > 0s && missing.ttl <= 60s));
  server.answer("empty.example.com", type_mx,
                DnsReply("empty.example.com", type_mx).soa("example.com", 300, 60));
  BOOST_TEST((mx("empty.example.com").status == DnsStatus::NoData));
}

BOOST_AUTO_TEST_CASE(f1_servfail_is_a_failure_in_words) {
  server.otherwise = 2;
  auto const answer = mx("broken.example.com");
  BOOST_TEST((answer.status == DnsStatus::Failure));
  BOOST_TEST(answer.why == "SERVFAIL");
}

BOOST_AUTO_TEST_CASE(f2_silence_ends_with_the_timeout_of_the_option) {
  settings.timeout = 200ms;
  server.is_silent = true;
  auto const answer = mx("example.com");
  BOOST_TEST((answer.status == DnsStatus::Failure));
  BOOST_TEST(answer.why == "no answer within 200ms ([dns] timeout)");
}

BOOST_AUTO_TEST_CASE(f4_a_truncated_answer_without_tcp_is_a_failure) {
  server.truncates = true;
  BOOST_TEST((mx("example.com").status == DnsStatus::Failure));
}

BOOST_AUTO_TEST_CASE(f7_a_cname_loop_is_a_failure) {
  server.answer("a.example.com", type_a,
                DnsReply("a.example.com", type_a).cname("a.example.com", 60, "b.example.com"));
  server.answer("b.example.com", type_a,
                DnsReply("b.example.com", type_a).cname("b.example.com", 60, "a.example.com"));
  BOOST_TEST((addresses("a.example.com", V4).status == DnsStatus::Failure));
}

BOOST_AUTO_TEST_CASE(a_cname_at_the_mx_host_is_tolerated) {
  server.answer("alias.example.com", type_a,
                DnsReply("alias.example.com", type_a)
                    .cname("alias.example.com", 60, "mx.example.com")
                    .a("mx.example.com", 300, "192.0.2.1"));
  BOOST_TEST(addresses("alias.example.com", V4).addresses.at(0).to_string() == "192.0.2.1");
}

BOOST_AUTO_TEST_CASE(f8_an_mx_name_with_crlf_is_rejected) {
  DnsReply message("junk.example.com", type_mx);
  message.mx_of_labels("junk.example.com", 60, 10, {"x\r\nQUIT", "example", "com"});
  server.answer("junk.example.com", type_mx, message);
  auto const answer = mx("junk.example.com");
  BOOST_TEST((answer.status == DnsStatus::Answer));
  BOOST_TEST(answer.rejected == 1U);
}

BOOST_AUTO_TEST_CASE(a_dropped_question_calls_nobody) {
  MxAsker asker;
  auto question = resolver().mx("example.com", asker);
  BOOST_TEST((question != nullptr));
  question.reset();
  (void)mx("example.com");
  BOOST_TEST(asker.calls == 0);
}

BOOST_AUTO_TEST_CASE(a_question_may_be_dropped_inside_its_own_callback) {
  MxAsker asker;
  auto question = resolver().mx("example.com", asker);
  asker.then = [&] { question.reset(); };
  until([&] { return asker.calls != 0; });
  BOOST_TEST(asker.calls == 1);
}

BOOST_AUTO_TEST_CASE(questions_under_way_are_not_answered_when_the_resolver_ends) {
  server.is_silent = true;
  auto mortal = std::make_unique<UnboundResolver>(loop, log, settings);
  MxAsker asker;
  auto question = mortal->mx("example.com", asker);
  mortal.reset();
  BOOST_TEST(asker.calls == 0);
  question.reset();
}

BOOST_AUTO_TEST_CASE(an_empty_trust_anchor_turns_validation_off_without_a_warning) {
  BOOST_TEST(!resolver().is_validating());
  BOOST_TEST(resolver().validation() == "off: trust_anchor is \"\"");
  BOOST_TEST(log.has(LogLevel::Info, "trust_anchor"));
  BOOST_TEST(!log.has(LogLevel::Warning, ""));
}

BOOST_AUTO_TEST_CASE(a_missing_trust_anchor_turns_validation_off_with_a_warning_and_mail_flows) {
  settings.trust_anchor = "/nonexistent/root.key";
  BOOST_TEST((mx("example.com").status == DnsStatus::Answer));
  BOOST_TEST(
      resolver().validation().find("off: trust anchor /nonexistent/root.key: No such file") == 0U);
  BOOST_TEST(log.has(LogLevel::Warning, "/nonexistent/root.key"));
}

BOOST_AUTO_TEST_CASE(a_damaged_trust_anchor_turns_validation_off_with_a_warning_and_mail_flows) {
  trust("this is no key\n");
  BOOST_TEST((mx("example.com").status == DnsStatus::Answer));
  BOOST_TEST(!resolver().is_validating());
  BOOST_TEST(log.has(LogLevel::Warning, "trust anchor " + settings.trust_anchor));
}

BOOST_AUTO_TEST_CASE(a_forwarder_that_strips_signatures_turns_validation_off_and_mail_flows) {
  trust(fakes::SignedRoot().anchor());
  BOOST_TEST((mx("example.com").status == DnsStatus::Answer));
  BOOST_TEST(!resolver().is_validating());
  BOOST_TEST(log.has(LogLevel::Warning, "DNSKEY"));
}

BOOST_AUTO_TEST_CASE(with_a_signed_root_validation_is_on_and_unsigned_answers_are_bogus) {
  fakes::SignedRoot const root;
  trust(root.anchor());
  server.answer("", type_dnskey, root.dnskey_answer());
  auto const answer = mx("example.com");
  BOOST_TEST(resolver().validation() == "on");
  BOOST_TEST(resolver().is_validating());
  BOOST_TEST((answer.status == DnsStatus::Bogus));
  BOOST_TEST(answer.why != "");
}

BOOST_AUTO_TEST_CASE(validation_comes_back_when_the_server_no_longer_strips) {
  fakes::SignedRoot const root;
  trust(root.anchor());
  UnboundResolver patient(loop, log, settings, 20ms);
  until([&] { return patient.validation() != "being tried"; });
  BOOST_TEST(!patient.is_validating());
  server.answer("", type_dnskey, root.dnskey_answer());
  until([&] { return patient.is_validating(); });
  BOOST_TEST(patient.validation() == "on");
}

BOOST_AUTO_TEST_CASE(questions_wait_for_the_first_probe_and_end_in_time_all_the_same) {
  trust(fakes::SignedRoot().anchor());
  settings.timeout = 100ms;
  server.is_silent = true;
  MxAsker asker;
  auto const question = resolver().mx("example.com", asker);
  BOOST_TEST(server.asked["example.com"] == 0);
  until([&] { return asker.calls != 0; });
  BOOST_TEST((asker.answer->status == DnsStatus::Failure));
}

BOOST_AUTO_TEST_CASE(a_signed_answer_is_secure) {
  fakes::SignedRoot const root;
  trust(root.anchor());
  server.answer("", type_dnskey, root.dnskey_answer());
  std::vector<std::uint8_t> const rdata{192, 0, 2, 7};
  DnsReply message("mx", type_a);  // a name in the root zone itself needs no delegation
  message.record("mx", type_a, fakes::SignedRoot::ttl, rdata)
      .record("mx", type_rrsig, fakes::SignedRoot::ttl,
              root.rrsig(type_a, 1, {2, 'm', 'x', 0}, rdata));
  server.answer("mx", type_a, message);
  auto const answer = addresses("mx", V4);
  BOOST_TEST((answer.status == DnsStatus::Answer));
  BOOST_TEST(answer.secure);
}

BOOST_AUTO_TEST_CASE(new_settings_ask_the_new_server_and_answers_under_way_still_come) {
  fakes::DnsServer other(loop.base());
  other.answer("example.com", type_mx,
               DnsReply("example.com", type_mx).mx("example.com", 300, 10, "other.example.com"));
  MxAsker asker;
  auto const question = resolver().mx("example.com", asker);
  settings.servers = {other.address()};
  resolver().reconfigure(settings);
  BOOST_TEST(mx("example.com").records.at(0).host == "other.example.com");
  until([&] { return asker.calls != 0; });
  BOOST_TEST(asker.answer->records.at(0).host == "mx.example.com");
}

BOOST_AUTO_TEST_CASE(names_in_test_are_asked_of_a_configured_server) {
  server.answer("lab.test", type_mx,
                DnsReply("lab.test", type_mx).mx("lab.test", 300, 10, "mx.example.com"));
  BOOST_TEST((mx("lab.test").status == DnsStatus::Answer));
}

BOOST_AUTO_TEST_CASE(servers_are_addresses_with_a_port) {
  BOOST_TEST(forward_address("127.0.0.1:5353").value() == "127.0.0.1@5353");
  BOOST_TEST(forward_address("192.0.2.1").value() == "192.0.2.1@53");
  BOOST_TEST(forward_address("[2001:db8::1]:54").value() == "2001:db8::1@54");
  BOOST_TEST(forward_address("2001:db8::1").value() == "2001:db8::1@53");
  for (auto const* bad :
       {"", "ns.example.com:53", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "[::1]x", "[]:53"})
    BOOST_TEST(!forward_address(bad), bad);
}

BOOST_AUTO_TEST_CASE(a_router_on_top_finds_its_way) {
  Settings all;
  fakes::NoChance chance;
  Router router(all, resolver(), chance);
  struct Asker final : RouteListener {
    void on_route(std::shared_ptr<Route const> r) override { route = std::move(r); }
    void on_no_route(Outcome) override {}
    std::shared_ptr<Route const> route;
  } asker;
  auto const question = router.find("example.com", asker, loop.now());
  until([&] { return asker.route != nullptr; });
  BOOST_REQUIRE(asker.route);
  BOOST_TEST(asker.route->site == "mx.example.com");
  BOOST_TEST(asker.route->targets.size() == 2U);
}

BOOST_AUTO_TEST_CASE(own_addresses_leave_loopback_out) {
  for (auto const& address : own_addresses())
    BOOST_TEST(!IpNetwork::parse("127.0.0.0/8")->contains(address));
}

BOOST_AUTO_TEST_SUITE_END()
