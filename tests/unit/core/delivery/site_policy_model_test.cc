// Ten thousand random steps over real sites and simulated servers: each MAIL is held against what
// is true of its connection and what its domain and its sender ask at that moment.

#include <array>
#include <boost/test/unit_test.hpp>
#include <random>
#include <unordered_map>

#include "fakes/delivery_lab.h"

using namespace mailpool;
using namespace mailpool::fakes;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t domains = 4;
constexpr char const* name_of_host = "mx.example.com";

/// What the server shows; and, of a connection, what it was shown.
struct Shown {
  bool is_encrypted = false;
  bool is_trusted = true;
  bool is_of_host = true;
  bool offers_require_tls = false;
  TimePoint ends{};
};

struct Wire {
  Shown shown;
  std::size_t greetings = 0;  ///< EHLO: the second is said under TLS
  std::optional<bool> is_relaxed;
};

enum class Wish : std::uint8_t { None, Proof, Arrival };

struct SitePolicyModel : DeliveryLab {
  /// `lies`: handshakes report certificates as trusted that are not.
  explicit SitePolicyModel(std::uint64_t seed, bool lies = false) : dice_(seed), lies_(lies) {
    for (std::size_t i = 0; i < domains; ++i) {
      settings.routes[domain(i)] = {{"192.0.2.1", 25}};
      settings.domains[domain(i)].tls = TlsLevel::May;
      settings.domains[domain(i)].tls_match = {name_of_host};
    }
    settings.smtp.adaptive = false;
    shown_.ends = clock.now_ + 10min;
    announce();
    network.behaviour.answer = [this](SimulatedServer& server, std::string const& line) {
      return answer(server, line);
    };
    network.behaviour.tls = [this](auto const&, auto const&) { return facts(); };
  }

  /// What went wrong first; "" if nothing did.
  std::string run(int steps) {
    for (int i = 0; i < steps && wrong_.empty(); ++i) {
      step();
      std::erase_if(network.servers, [&](auto const& s) {
        bool const is_gone = s->events == nullptr;
        if (is_gone) wires_.erase(s.get());
        return is_gone;
      });
      if (!wrong_.empty()) wrong_ = "step " + std::to_string(i) + ": " + wrong_;
    }
    return wrong_;
  }

  std::size_t mails = 0;
  std::size_t proofs = 0;  ///< of these, with REQUIRETLS

 private:
  static std::string domain(std::size_t i) { return "d" + std::to_string(i) + ".test"; }
  std::uint32_t number(std::uint32_t below) { return static_cast<std::uint32_t>(dice_() % below); }
  bool one_in(std::uint32_t n) { return number(n) == 0; }

  void step() {
    switch (number(12)) {
      case 0:
        return change_server();
      case 1:
        return change_options();
      case 2:
        return pass(std::chrono::milliseconds(number(30'000)));
      case 3:
        if (!network.servers.empty())
          network.hang_up(
              *network.servers[number(static_cast<std::uint32_t>(network.servers.size()))]);
        return settle();
      default:
        return send_one();
    }
  }

  void change_server() {
    shown_.is_trusted = !one_in(3);
    shown_.is_of_host = !one_in(4);
    shown_.ends = clock.now_ + std::chrono::seconds(number(1200) + 1);
    announce();
  }
  void announce() {
    shown_.offers_require_tls = one_in(2);
    network.behaviour.ehlo = "250-mx\r\n250-PIPELINING\r\n";
    if (shown_.offers_require_tls) network.behaviour.ehlo += "250-REQUIRETLS\r\n";
    network.behaviour.ehlo += one_in(8) ? "250 HELP\r\n" : "250 STARTTLS\r\n";
  }

  void change_options() {
    static constexpr std::array levels{TlsLevel::None, TlsLevel::May, TlsLevel::Encrypt,
                                       TlsLevel::Secure};
    settings.domains[domain(number(domains))].tls = levels[number(levels.size())];
    if (!dispatcher) begin();
    dispatcher->reconfigure(settings, clock.now_);
    settle();
  }

  void send_one() {
    auto const wish = one_in(3) ? (one_in(2) ? Wish::Proof : Wish::Arrival) : Wish::None;
    auto const to = number(domains);
    sender = std::to_string(to) + "." + std::to_string(static_cast<int>(wish)) + "@mail.test";
    require_tls = wish == Wish::Proof;
    tls_required_no = wish == Wish::Arrival;
    send({"u@" + domain(to)});
    settle();
  }

  std::string answer(SimulatedServer& server, std::string const& line) {
    auto& wire = wires_[&server];
    if (line.starts_with("EHLO") && ++wire.greetings == 2) {
      wire.shown = shown_;
      wire.shown.is_encrypted = true;
    }
    if (line.starts_with("MAIL")) judge(wire, line);
    return line == "STARTTLS" ? "220 go ahead\r\n" : "?";
  }

  // "MAIL FROM:<DOMAIN.WISH@mail.test> ..."
  void judge(Wire& wire, std::string const& line) {
    auto const at = line.find('<') + 1;
    auto const to = static_cast<std::size_t>(line.at(at) - '0');
    auto const wish = static_cast<Wish>(line.at(at + 2) - '0');
    ++mails;
    if (wish == Wish::Proof) ++proofs;
    bool const is_relaxed = wish == Wish::Arrival;
    if (wire.is_relaxed.value_or(is_relaxed) != is_relaxed)
      wrong_ = "shares a connection with mail whose sender sets the policy aside";
    wire.is_relaxed = is_relaxed;
    if (!may(wire.shown, *settings.domains[domain(to)].tls, wish)) wrong_ = "is not allowed";
    if (line.ends_with(" REQUIRETLS") != (wish == Wish::Proof)) wrong_ = "passes another wish on";
    if (!wrong_.empty()) wrong_ = line + " " + wrong_;
  }

  [[nodiscard]] bool may(Shown const& shown, TlsLevel level, Wish wish) const {
    bool const is_verified =
        shown.is_encrypted && shown.is_trusted && shown.is_of_host && shown.ends > clock.now_;
    if (level == TlsLevel::None) return !shown.is_encrypted && wish != Wish::Proof;
    if (wish == Wish::Proof) return is_verified && shown.offers_require_tls;
    if (wish == Wish::Arrival || level == TlsLevel::May) return true;
    return level == TlsLevel::Encrypt ? shown.is_encrypted : is_verified;
  }

  [[nodiscard]] std::optional<tls::Facts> facts() {
    if (one_in(10)) return std::nullopt;
    tls::Facts facts;
    facts.version = "TLSv1.3";
    facts.cipher = "TLS_AES_256_GCM_SHA384";
    facts.chain_is_good = (shown_.is_trusted || lies_) && shown_.ends > clock.now_;
    facts.chain_problem = facts.chain_is_good ? "" : "nobody vouches for it";
    auto certificate = std::make_shared<tls::Certificate>();
    certificate->names = {shown_.is_of_host ? name_of_host : "elsewhere.example.com"};
    certificate->not_after = clock.wall(shown_.ends);
    facts.certificate = std::move(certificate);
    return facts;
  }

  std::mt19937_64 dice_;
  bool lies_;
  Shown shown_;
  std::unordered_map<SimulatedServer const*, Wire> wires_;
  std::string wrong_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(site_policy_model)

BOOST_AUTO_TEST_CASE(in_ten_thousand_steps_no_site_sends_mail_where_its_policy_does_not_allow_it) {
  SitePolicyModel model(2026);
  BOOST_TEST(model.run(10'000) == "");
  BOOST_TEST_MESSAGE("mails " << model.mails << ", with REQUIRETLS " << model.proofs << ", opened "
                              << model.context->totals.opened << ", reused "
                              << model.context->totals.reused);
  BOOST_TEST(model.mails > 2'000U, "the steps mean something");
  BOOST_TEST(model.proofs > 20U);
  BOOST_TEST(model.context->totals.reused > 500U);
}

BOOST_AUTO_TEST_CASE(the_model_notices_trust_that_is_not_there) {
  BOOST_TEST(SitePolicyModel(2026, true).run(10'000) != "");
}

BOOST_AUTO_TEST_SUITE_END()
