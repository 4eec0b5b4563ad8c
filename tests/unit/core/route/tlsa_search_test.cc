#include "core/route/tlsa_search.h"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "core/route/dns_wire.h"

using namespace mailpool;
using namespace mailpool::route;
using tls::TlsaState;

namespace {

/// Records by name and type; asked later if the test says so.
class Records final : public Resolver {
 public:
  std::unique_ptr<Question> mx(std::string const&, MxListener&) override { return nullptr; }
  std::unique_ptr<Question> addresses(std::string const&, IpAddress::Family,
                                      AddressListener&) override {
    return nullptr;
  }
  std::unique_ptr<Question> records(std::string const& name, std::uint16_t type,
                                    RecordListener& listener) override {
    asked.push_back(name);
    auto const found = answers.find({name, type});
    RecordAnswer nothing;
    nothing.status = DnsStatus::NoName;
    nothing.secure = true;
    if (!is_late) {
      listener.on_records(found == answers.end() ? nothing : found->second);
      return nullptr;
    }
    late = [&listener, answer = found == answers.end() ? nothing : found->second] {
      listener.on_records(answer);
    };
    return std::make_unique<Question>();
  }
  void answer(std::string const& name, std::uint16_t type, std::vector<std::string> rdata,
              bool secure = true) {
    RecordAnswer a;
    a.status = DnsStatus::Answer;
    a.records = std::move(rdata);
    a.secure = secure;
    a.ttl = std::chrono::minutes(3);
    answers[{name, type}] = std::move(a);
  }
  void fail(std::string const& name, DnsStatus status) {
    RecordAnswer a;
    a.status = status;
    a.why = "no signature";
    answers[{name, type_tlsa}] = std::move(a);
  }

  std::map<std::pair<std::string, std::uint16_t>, RecordAnswer> answers;
  std::vector<std::string> asked;
  bool is_late = false;
  std::function<void()> late;
};

std::string rdata(char usage = 3) {
  return std::string{usage, 1, 1} + std::string(32, 'x');
}

struct Asking final : TlsaEvents {
  void on_tlsa(tls::HostFacts facts, Duration ttl) override {
    BOOST_REQUIRE(!found);
    found = std::move(facts);
    lifetime = ttl;
  }
  tls::HostFacts const& ask(Host const& host) {
    found.reset();
    search.emplace(host, dns, *this);
    search->start();
    while (dns.late) std::exchange(dns.late, nullptr)();
    BOOST_REQUIRE(found);
    return *found;
  }
  Records dns;
  std::optional<TlsaSearch> search;
  std::optional<tls::HostFacts> found;
  Duration lifetime{};
};

Host host(bool is_signed, std::string canonical = "mx.example.com") {
  Host h;
  h.name = "mx.example.com";
  h.is_signed = is_signed;
  h.canonical = std::move(canonical);
  return h;
}

constexpr auto at_host = "_25._tcp.mx.example.com";
constexpr auto at_end = "_25._tcp.real.example.net";

}  // namespace

BOOST_AUTO_TEST_SUITE(tlsa_searches)

BOOST_AUTO_TEST_CASE(a_host_in_an_unsigned_zone_is_not_asked_for_tlsa) {
  Asking a;
  BOOST_TEST((a.ask(host(false)).tlsa == TlsaState::NotAsked));
  BOOST_TEST(a.dns.asked.empty());
}

BOOST_AUTO_TEST_CASE(records_of_a_signed_host_are_taken_with_their_ttl) {
  for (bool const is_late : {false, true}) {
    Asking a;
    a.dns.is_late = is_late;
    a.dns.answer(at_host, type_tlsa, {rdata()});
    auto const& facts = a.ask(host(true));
    BOOST_TEST((facts.tlsa == TlsaState::Usable));
    BOOST_TEST(facts.records.size() == 1U);
    BOOST_TEST(facts.tlsa_base == "mx.example.com");
    BOOST_TEST((a.lifetime == std::chrono::minutes(3)));
  }
}

BOOST_AUTO_TEST_CASE(the_port_is_part_of_the_question) {
  Asking a;
  auto h = host(true);
  h.port = 465;
  a.ask(h);
  BOOST_TEST(a.dns.asked.at(0) == "_465._tcp.mx.example.com");
}

BOOST_AUTO_TEST_CASE(records_that_cannot_be_used_are_told_from_none) {
  Asking a;
  a.dns.answer(at_host, type_tlsa, {rdata(1), "short"});
  BOOST_TEST((a.ask(host(true)).tlsa == TlsaState::Unusable));
  a.dns.answers.clear();
  BOOST_TEST((a.ask(host(true)).tlsa == TlsaState::None));
}

BOOST_AUTO_TEST_CASE(an_insecure_answer_is_no_answer) {
  Asking a;
  a.dns.answer(at_host, type_tlsa, {rdata()}, false);
  BOOST_TEST((a.ask(host(true)).tlsa == TlsaState::None));
}

BOOST_AUTO_TEST_CASE(bogus_and_failed_lookups_are_told_apart_and_asked_again_soon) {
  Asking a;
  a.dns.fail(at_host, DnsStatus::Bogus);
  BOOST_TEST((a.ask(host(true)).tlsa == TlsaState::Bogus));
  BOOST_TEST(a.found->why == "no signature");
  BOOST_TEST((a.lifetime == std::chrono::minutes(1)));
  a.dns.fail(at_host, DnsStatus::Failure);
  BOOST_TEST((a.ask(host(true)).tlsa == TlsaState::Failed));
}

BOOST_AUTO_TEST_CASE(the_end_of_a_signed_chain_is_asked_first_then_the_host_itself) {
  Asking a;
  a.dns.answer(at_host, type_tlsa, {rdata()});
  BOOST_TEST(a.ask(host(true, "real.example.net")).tlsa_base == "mx.example.com");
  BOOST_TEST(a.dns.asked.size() == 2U);
  BOOST_TEST(a.dns.asked.at(0) == at_end);
  a.dns.answer(at_end, type_tlsa, {rdata(2)});
  BOOST_TEST(a.ask(host(true, "real.example.net")).tlsa_base == "real.example.net");
  BOOST_TEST(a.dns.asked.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_failure_at_the_end_of_the_chain_is_not_passed_over) {
  Asking a;
  a.dns.answer(at_host, type_tlsa, {rdata()});
  a.dns.fail(at_end, DnsStatus::Bogus);
  BOOST_TEST((a.ask(host(true, "real.example.net")).tlsa == TlsaState::Bogus));
}

BOOST_AUTO_TEST_CASE(a_signed_alias_into_an_unsigned_zone_leaves_the_host_itself) {
  Asking a;
  a.dns.answer("mx.example.com", type_cname, {"x"});
  a.dns.answer(at_host, type_tlsa, {rdata()});
  BOOST_TEST((a.ask(host(false, "real.example.net")).tlsa == TlsaState::Usable));
  a.dns.answer("mx.example.com", type_cname, {"x"}, false);
  BOOST_TEST((a.ask(host(false, "real.example.net")).tlsa == TlsaState::NotAsked));
}

BOOST_AUTO_TEST_SUITE_END()
