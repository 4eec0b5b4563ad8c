// A million random steps over who may share a connection with whom: keys, routes and predicates as
// a site asks them, over a bare pool, held against a world of numbers that knows what is true. And
// the model notices when something is wrong.

#include <boost/test/unit_test.hpp>

#include <map>
#include <memory>
#include <optional>

#include "core/delivery/reuse.h"
#include "core/delivery/site_tls.h"
#include "core/pool/pool.h"
#include "fakes/memory_store.h"
#include "unit/core/delivery/policy_world.h"

using namespace mailpool;
using namespace mailpool::tests;
using delivery::SiteTls;
using pool::ConnectionState;

namespace {

enum class Fault : std::uint8_t {
  None,
  IgnoresTheRoute,
  IgnoresObjections,
  ForgetsTheTime,
  JudgesByItsOpener,  ///< by what the mail required that the connection was opened for
  KeepsOldRoutes,
  MixesRecords,  ///< takes a match of other TLSA records for one of these
  ForgetsSource,
  ForgetsEhloName,
  ForgetsLogin,
  ForgetsSenderDomain,
  ForgetsVersion,
  ForgetsClientCertificate,
  ForgetsTlsSettings,
  ForgetsTlsMode,
  ForgetsRelaxation,
  TakesTlsForProof,  ///< of mail with REQUIRETLS
  ForgetsHostAndRoute,
  ForgetsAddressAndRoute,
  ForgetsPortAndRoute,
  End,
};

std::string host_name(std::size_t host) {
  return "mx" + std::to_string(host) + ".example.com";
}
std::string domain_name(std::size_t domain) {
  return "d" + std::to_string(domain) + ".test";
}

std::vector<tls::TlsaRecord> records_of(WorldTlsa const& tlsa) {
  std::vector<tls::TlsaRecord> records;
  for (char const key : tlsa.keys) records.push_back({tlsa.usage, 1, 1, std::string(32, key)});
  return records;
}

tls::HostFacts facts_of(WorldAnswer::Mx const& mx) {
  static constexpr std::array states{tls::TlsaState::NotAsked, tls::TlsaState::None,
                                     tls::TlsaState::Usable, tls::TlsaState::Unusable,
                                     tls::TlsaState::Bogus};
  auto const name = host_name(mx.host);
  return {name, states[mx.tlsa.state], name, records_of(mx.tlsa), ""};
}

/// As the router would make it of DNS and MTA-STS.
std::shared_ptr<route::Route const> route_of(std::size_t domain, WorldAnswer const& answer,
                                             std::uint16_t port) {
  auto facts = std::make_shared<tls::RouteFacts>();
  facts->domain = domain_name(domain);
  facts->mx_is_secure = answer.mx_is_signed;
  facts->sts.mode = static_cast<tls::StsMode>(answer.sts);
  for (std::size_t host = 0; host < world_hosts; ++host)
    if (answer.lists[host]) facts->sts.mx.push_back(host_name(host));
  auto route = std::make_shared<route::Route>();
  for (auto const& mx : answer.mx) {
    facts->hosts.push_back(facts_of(mx));
    route->targets.push_back({host_name(mx.host), IpAddress::v4({192, 0, 2, mx.address}), port});
  }
  route->expires = answer.expires;
  route->security = std::move(facts);
  return route;
}

/// What a handshake records, by the truth of the connection.
tls::Facts shake_hands(WorldConnection const& c, std::size_t host, TimePoint now,
                       std::vector<tls::TlsaRecord> const& tried, std::string const& digest) {
  tls::Facts facts;
  if (!c.is_encrypted) return facts;
  auto const& shown = c.certificate;
  facts.version = "TLSv1.3";
  facts.chain_has_expired = shown.ends <= now;
  facts.chain_is_good = c.options.trusts(shown.issuer) && !facts.chain_has_expired;
  auto certificate = std::make_shared<tls::Certificate>();
  if (shown.is_of_host) certificate->names.push_back(host_name(host));
  for (std::size_t domain = 0; domain < world_domains; ++domain)
    if (shown.is_of_domain[domain]) certificate->names.push_back(domain_name(domain));
  certificate->names_are_alternative = shown.names_are_alternative;
  certificate->not_after =
      WallTime{} + std::chrono::duration_cast<WallTime::duration>(shown.ends.time_since_epoch());
  facts.certificate = std::move(certificate);
  if (tried.empty()) return facts;
  facts.dane_records = digest;
  facts.dane = tls::Dane::Failed;
  for (auto const& record : tried)
    if (record.data.front() == shown.key) {
      facts.dane = tls::Dane::Matched;
      facts.dane_usage = record.usage;
    }
  return facts;
}

class ModelConnection final : public pool::Connection {
 public:
  ModelConnection(std::uint64_t number, pool::ReuseKey key, WorldConnection what_is_true,
                  route::Target to, tls::Facts achieved, SiteTls::Shared of_then, TimePoint now)
      : Connection(number, std::move(key), now, never),
        truth(std::move(what_is_true)),
        target(std::move(to)),
        facts(std::move(achieved)),
        policies(std::move(of_then)) {}
  [[nodiscard]] ConnectionState state_after_use() const override { return ConnectionState::Idle; }
  [[nodiscard]] TimePoint last_heard() const override { return {}; }

  WorldConnection truth;
  route::Target target;
  tls::Facts facts;
  SiteTls::Shared policies;  ///< of the mail that it was opened for
};

/// A site's questions about sharing, without its queue and its wires.
class Sharing {
 public:
  explicit Sharing(std::uint64_t seed, Fault fault = Fault::None) : world(seed), fault_(fault) {}
  ~Sharing() {
    for (auto state : {ConnectionState::Idle, ConnectionState::Closing})
      while (pool_.count(state) != 0) (void)pool_.remove(*pool_.in(state).back());
  }
  Sharing(Sharing const&) = delete;
  Sharing& operator=(Sharing const&) = delete;

  /// What went wrong first; "" if nothing did.
  std::string run(int steps) {
    for (int i = 0; i < steps; ++i)
      if (auto const wrong = step(); !wrong.empty())
        return "step " + std::to_string(i) + ": " + wrong;
    return {};
  }

  PolicyWorld world;
  std::size_t sent = 0;
  std::size_t shared = 0;  ///< of these
  std::size_t opened = 0;
  std::size_t withheld = 0;  ///< judgements that said no
  std::size_t refused = 0;   ///< new connections that were not good enough

 private:
  std::string step() {
    switch (world.number(20)) {
      case 0:
      case 1:
        world.change_the_world();
        return {};
      case 2:
        if (world.one_in(3)) reload();
        return {};
      case 3:
      case 4:
        world.pass(std::chrono::milliseconds(world.number(40'000)));
        return {};
      case 5:
        if (pool_.count(ConnectionState::Idle) != 0) close(*pool_.in(ConnectionState::Idle).back());
        return {};
      default:
        return send(world.any_mail());
    }
  }

  void reload() {
    world.change_the_options();
    auto& tls = settings_.tls_settings;
    tls.wrapper = world.options.wrapper;
    tls.minimum_version = static_cast<TlsVersion>(world.options.minimum_version);
    tls.files.authorities = "authorities " + std::to_string(world.options.authorities);
    tls.files.client_certificate = std::to_string(world.options.client_certificate);
    for (std::size_t i = 0; i < world_domains; ++i)
      context_.domains[domain_name(i)].level = world.domains[i].level;
    site_tls_.forget_policies();
    for (auto& route : routes_) route.reset();
  }

  std::shared_ptr<route::Route const> const& route_to(std::size_t domain) {
    auto& route = routes_[domain];
    auto const& answer = world.answer(domain);
    bool const is_old = route && route->expires != answer.expires;
    if (!route || (is_old && fault_ != Fault::KeepsOldRoutes))
      route = route_of(domain, answer, static_cast<std::uint16_t>(25 + world.options.port));
    return route;
  }

  std::string send(WorldMail const& mail) {
    auto const route = route_to(mail.domain);
    auto const policies = site_tls_.policies_for(domain_name(mail.domain), *route, settings_,
                                                 context_, wish_of(mail));
    ModelConnection* found = nullptr;
    for (auto const& c : pool_.in(ConnectionState::Idle)) {
      auto& connection = static_cast<ModelConnection&>(*c);
      bool const may = serves(connection, mail, *route, *policies);
      if (may != world.allows(mail, connection.truth))
        return may ? "shares a connection that the policy does not allow"
                   : "withholds a connection that the policy allows";
      if (may) found = &connection;
      withheld += may ? 0 : 1;
    }
    shared += found != nullptr ? 1 : 0;
    if (found == nullptr) found = &open(mail, *route, policies);
    if (!serves(*found, mail, *route, *policies)) {
      ++refused;
      return world.allows(mail, found->truth) ? "refuses a new connection that does" : "";
    }
    if (!world.allows(mail, found->truth)) return "sends MAIL on what the policy does not allow";
    ++sent;
    { auto const lease = pool_.lease(*found); }
    return {};
  }

  [[nodiscard]] tls::SenderTls wish_of(WorldMail const& mail) const {
    Envelope envelope;
    envelope.require_tls = mail.wish == WorldWish::Proof;
    envelope.tls_required_no = mail.wish == WorldWish::Arrival;
    delivery::LoginUse const login{mail.login == 0 ? "" : "smarthost", {}};
    return delivery::sender_tls(envelope, settings_, login);
  }

  /// What Site::can_serve asks.
  [[nodiscard]] bool serves(ModelConnection const& c, WorldMail const& mail,
                            route::Route const& route, tls::Policies const& policies) const {
    auto const* named = delivery::still_named(c.target, route);
    bool const is_off_route = named == nullptr && ignores_route();
    if (is_off_route) named = fault_ == Fault::IgnoresTheRoute ? &c.target : &route.targets[0];
    if (named == nullptr) return false;
    auto const& terms = is_off_route && fault_ == Fault::IgnoresTheRoute
                            ? c.policies->of(named->host)
                            : policies.of(named->host);
    auto const wanted = key_of(*named, terms, mail);
    if (fault_ == Fault::None)
      return wanted == c.key() && !tls::objection(terms.policy, c.facts, wall(world.now));
    if (blurred(wanted) != blurred(c.key())) return false;
    if (fault_ == Fault::IgnoresObjections) return true;
    auto facts = c.facts;
    if (fault_ == Fault::MixesRecords && !facts.dane_records.empty())
      facts.dane_records = terms.policy.dane_digest;
    auto const now = fault_ == Fault::ForgetsTheTime ? c.opened_at() : world.now;
    auto policy =
        fault_ == Fault::JudgesByItsOpener ? c.policies->of(c.target.host).policy : terms.policy;
    if (fault_ == Fault::TakesTlsForProof) policy.require_tls.reset();
    return !tls::objection(policy, facts, wall(now));
  }

  [[nodiscard]] pool::ReuseKey key_of(route::Target const& target, tls::Terms const& terms,
                                      WorldMail const& mail) const {
    delivery::Origin origin;
    origin.source =
        IpAddress::v4({192, 0, 2, static_cast<std::uint8_t>(100 + world.options.source_address)});
    origin.ehlo_name = std::to_string(world.options.ehlo_name);
    origin.implicit_tls = world.options.wrapper;
    if (mail.login != 0)
      origin.credential = {mail.login == 1 ? "PLAIN" : "LOGIN", std::to_string(mail.login),
                           mail.is_of_sender ? "special.test" : "",
                           world.options.secret_versions[mail.login - 1U]};
    return delivery::key_for(target, terms, std::move(origin));
  }

  /// A key in which the fault forgets a field.
  [[nodiscard]] pool::ReuseKey blurred(pool::ReuseKey key) const {
    switch (fault_) {
      case Fault::ForgetsSource:
        key.source = {};
        break;
      case Fault::ForgetsEhloName:
        key.ehlo_name.clear();
        break;
      case Fault::ForgetsLogin:
        key.credential = {};
        break;
      case Fault::ForgetsSenderDomain:
        key.credential.sender_domain.clear();
        break;
      case Fault::ForgetsVersion:
        key.credential.version = 0;
        break;
      case Fault::ForgetsClientCertificate:
        key.client_certificate.clear();
        break;
      case Fault::ForgetsTlsSettings:
        key.tls_settings.clear();
        break;
      case Fault::ForgetsTlsMode:
        key.tls = pool::WireTls::None;
        key.tls_settings.clear();
        key.client_certificate.clear();
        break;
      case Fault::ForgetsRelaxation:
        key.tls_required_no = false;
        break;
      case Fault::ForgetsHostAndRoute:
        key.mx_host.clear();
        key.tls_settings.clear();
        break;
      case Fault::ForgetsAddressAndRoute:
        key.address = {};
        break;
      case Fault::ForgetsPortAndRoute:
        key.port = 0;
        break;
      default:
        break;
    }
    return key;
  }
  [[nodiscard]] bool ignores_route() const {
    return fault_ == Fault::IgnoresTheRoute || fault_ >= Fault::ForgetsHostAndRoute;
  }

  ModelConnection& open(WorldMail const& mail, route::Route const& route,
                        SiteTls::Shared const& policies) {
    constexpr std::size_t most_open = 4;
    if (pool_.open() >= most_open) close(*pool_.in(ConnectionState::Idle).back());
    auto const& answer = world.answer(mail.domain);
    auto const& mx = answer.mx[world.number(static_cast<std::uint32_t>(answer.mx.size()))];
    auto const& target =
        route.targets[static_cast<std::size_t>(&mx - answer.mx.data()) % route.targets.size()];
    auto const& terms = policies->of(target.host);
    auto const& host = world.hosts[mx.host];
    WorldConnection truth;
    truth.host = mx.host;
    truth.address = mx.address;
    truth.options = world.options;
    truth.login = mail.login;
    truth.is_of_sender = mail.is_of_sender;
    truth.is_relaxed = mail.is_relaxed();
    truth.asks_for_tls =
        world.options.wrapper || world.domains[mail.domain].level != TlsLevel::None;
    truth.is_encrypted = world.options.wrapper || (truth.asks_for_tls && host.offers_tls);
    truth.certificate = host.certificate;
    if (!terms.plan.records.empty()) truth.tried = mx.tlsa;
    auto facts =
        shake_hands(truth, mx.host, world.now, terms.plan.records, terms.plan.records_digest);
    auto& made = pool_.add(
        std::make_unique<ModelConnection>(++opened, key_of(target, terms, mail), std::move(truth),
                                          target, std::move(facts), policies, world.now));
    pool_.enter(made, ConnectionState::Idle);
    return static_cast<ModelConnection&>(made);
  }

  void close(pool::Connection& connection) {
    pool_.enter(connection, ConnectionState::Closing);
    (void)pool_.remove(connection);
  }

  static WallTime wall(TimePoint t) {
    return WallTime{} + std::chrono::duration_cast<WallTime::duration>(t.time_since_epoch());
  }

  Fault fault_;
  SiteSettings settings_ = [] {
    SiteSettings s;
    s.tls = TlsLevel::May;
    return s;
  }();
  fakes::MemoryStore store_;
  delivery::TlsContext context_{store_};
  SiteTls site_tls_;
  std::array<std::shared_ptr<route::Route const>, world_domains> routes_;
  pool::Pool pool_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(policy_model)

BOOST_AUTO_TEST_CASE(in_a_million_steps_no_mail_goes_where_its_policy_does_not_allow_it) {
  Sharing sharing(4711);
  BOOST_TEST(sharing.run(1'000'000) == "");
  BOOST_TEST_MESSAGE("sent " << sharing.sent << ", shared " << sharing.shared << ", opened "
                             << sharing.opened << ", withheld " << sharing.withheld << ", refused "
                             << sharing.refused);
  BOOST_TEST(sharing.shared > 100'000U, "the steps mean something");
  BOOST_TEST(sharing.opened > 100'000U);
  BOOST_TEST(sharing.withheld > 1'000'000U);
  BOOST_TEST(sharing.refused > 10'000U);
}

BOOST_AUTO_TEST_CASE(the_model_notices_every_rule_that_is_broken) {
  for (int i = 1; i < static_cast<int>(Fault::End); ++i)
    BOOST_TEST(Sharing(4711, static_cast<Fault>(i)).run(100'000) != "", "fault " << i);
}

BOOST_AUTO_TEST_SUITE_END()
