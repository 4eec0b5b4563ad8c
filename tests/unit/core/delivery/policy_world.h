#pragma once
// A small world of domains that share MX hosts, and what in it may go where: written down once
// more, in numbers, without anything of what it is held against.

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "core/base/time.h"
#include "core/config/tls_settings.h"

namespace mailpool::tests {

inline constexpr std::size_t world_hosts = 4;
inline constexpr std::size_t world_domains = 6;

/// What a server shows.
struct ShownCertificate {
  bool is_of_host = true;
  std::array<bool, world_domains> is_of_domain{};
  bool names_are_alternative = true;
  char issuer = 'A';
  char key = 'a';
  TimePoint ends{};
};

/// What DNS says of a host's TLSA records.
struct WorldTlsa {
  enum State : std::uint8_t { Unsigned, None, Usable, Unusable, Bogus } state = Unsigned;
  std::uint8_t usage = 3;
  std::string keys;  ///< one letter a record, in order
  bool operator==(WorldTlsa const&) const = default;
};

struct WorldHost {
  std::uint8_t address = 1;
  bool offers_tls = true;
  ShownCertificate certificate;
  WorldTlsa tlsa;
};

enum class WorldSts : std::uint8_t { None, Testing, Enforce };

/// What a domain was answered: good until it expires.
struct WorldAnswer {
  struct Mx {
    std::size_t host;
    std::uint8_t address;
    WorldTlsa tlsa;
  };
  std::vector<Mx> mx;  ///< the first is preferred
  bool mx_is_signed = false;
  WorldSts sts = WorldSts::None;
  std::array<bool, world_hosts> lists{};
  TimePoint expires{};
};

struct WorldDomain {
  TlsLevel level = TlsLevel::May;
  std::vector<std::size_t> mx{0};
  bool mx_is_signed = false;
  WorldSts sts = WorldSts::None;
  std::array<bool, world_hosts> lists{};
};

/// What is the same for all mail until a reload.
struct WorldOptions {
  std::uint8_t ehlo_name = 0;
  std::uint8_t source_address = 0;
  std::uint8_t client_certificate = 0;
  std::uint8_t authorities = 0;  ///< 0 trusts A, 1 trusts B, 2 trusts both
  std::uint8_t minimum_version = 0;
  std::uint8_t port = 0;
  bool wrapper = false;
  std::array<std::uint32_t, 2> secret_versions{1, 2};

  [[nodiscard]] bool trusts(char issuer) const {
    return authorities == 2 || (authorities == 0) == (issuer == 'A');
  }
};

/// What the sender asks (RFC 8689): proof, or arrival at any price.
enum class WorldWish : std::uint8_t { None, Proof, Arrival };

struct WorldMail {
  std::size_t domain = 0;
  WorldWish wish = WorldWish::None;
  std::uint8_t login = 0;     ///< 0: none
  bool is_of_sender = false;  ///< chosen by the sender's domain

  /// With a login nobody's wish sets the policy aside.
  [[nodiscard]] bool is_relaxed() const { return wish == WorldWish::Arrival && login == 0; }
};

/// The truth about one connection.
struct WorldConnection {
  std::size_t host = 0;
  std::uint8_t address = 0;
  WorldOptions options;  ///< of the time when it was opened
  std::uint8_t login = 0;
  bool is_of_sender = false;
  bool is_relaxed = false;  ///< for mail whose sender sets the policy aside
  bool asks_for_tls = false;
  bool is_encrypted = false;
  ShownCertificate certificate;
  WorldTlsa tried;  ///< the records that the handshake was told
};

class PolicyWorld {
 public:
  static constexpr Duration ttl = std::chrono::seconds(60);

  explicit PolicyWorld(std::uint64_t seed) : dice_(seed) {
    for (std::size_t i = 0; i < world_hosts; ++i) {
      hosts[i].address = static_cast<std::uint8_t>(i / 2 + 1);  // two names at each address
      renew(hosts[i]);
    }
    for (auto& domain : domains) domain.mx = {number(world_hosts)};
  }

  std::uint32_t number(std::uint32_t below) { return static_cast<std::uint32_t>(dice_() % below); }
  bool one_in(std::uint32_t n) { return number(n) == 0; }

  [[nodiscard]] WorldMail any_mail() {
    WorldMail mail{number(world_domains)};
    mail.login = static_cast<std::uint8_t>(one_in(4) ? number(3) : 0);
    mail.is_of_sender = mail.login != 0 && one_in(2);
    if (one_in(4)) mail.wish = one_in(2) ? WorldWish::Proof : WorldWish::Arrival;
    return mail;
  }

  /// Something happens that DNS, servers or policy hosts decide.
  void change_the_world() {
    auto& host = hosts[number(world_hosts)];
    auto& domain = domains[number(world_domains)];
    switch (number(7)) {
      case 0:
        return renew(host);
      case 1:
        host.offers_tls = !one_in(4);
        return;
      case 2:
        return publish(host);
      case 3:
        host.address = static_cast<std::uint8_t>(number(4) + 1);
        return;
      case 4:
        domain.mx = {number(world_hosts)};
        if (auto const other = number(world_hosts); one_in(2) && other != domain.mx[0])
          domain.mx.push_back(other);
        domain.mx_is_signed = one_in(2);
        return;
      default:
        domain.sts = static_cast<WorldSts>(number(3));
        for (auto& listed : domain.lists) listed = !one_in(3);
    }
  }

  /// The operator changes an option, a file or a secret, and reloads: routes are asked for anew.
  void change_the_options() {
    static constexpr std::array levels{TlsLevel::None,     TlsLevel::May,    TlsLevel::Encrypt,
                                       TlsLevel::Verify,   TlsLevel::Secure, TlsLevel::Dane,
                                       TlsLevel::DaneOnly, TlsLevel::Auto};
    switch (number(10)) {
      case 0:
        options.ehlo_name ^= 1U;
        break;
      case 1:
        options.source_address ^= 1U;
        break;
      case 2:
        options.client_certificate = static_cast<std::uint8_t>(number(3));
        break;
      case 3:
        options.authorities = static_cast<std::uint8_t>(number(3));
        break;
      case 4:
        options.minimum_version ^= 1U;
        break;
      case 5:
        options.port ^= 1U;
        break;
      case 6:
        options.secret_versions[number(2)] = ++last_version_;
        break;
      case 7:
        if (one_in(4)) options.wrapper = !options.wrapper;
        break;
      default:
        domains[number(world_domains)].level = levels[number(levels.size())];
    }
    for (auto& answer : answers_) answer.expires = {};
  }

  void pass(Duration d) { now += d; }

  /// What the domain's mail goes by at this moment.
  [[nodiscard]] WorldAnswer const& answer(std::size_t of) {
    auto& answer = answers_[of];
    if (now < answer.expires) return answer;
    auto const& domain = domains[of];
    answer = {{}, domain.mx_is_signed, domain.sts, domain.lists, now + ttl};
    for (auto const host : domain.mx)
      answer.mx.push_back({host, hosts[host].address, hosts[host].tlsa});
    return answer;
  }

  /// Whether this mail may go on this connection now.
  [[nodiscard]] bool allows(WorldMail const& mail, WorldConnection const& c) {
    for (auto const& mx : answer(mail.domain).mx)
      if (mx.host == c.host && mx.address == c.address)
        return is_the_same_wire(mail, c) && is_proved_enough(mail, mx, c);
    return false;
  }

  std::array<WorldHost, world_hosts> hosts;
  std::array<WorldDomain, world_domains> domains;
  WorldOptions options;
  TimePoint now{std::chrono::hours(1000)};

 private:
  void renew(WorldHost& host) {
    auto& c = host.certificate;
    c.is_of_host = !one_in(4);
    for (auto& of_domain : c.is_of_domain) of_domain = one_in(2);
    c.names_are_alternative = !one_in(6);
    c.issuer = one_in(3) ? 'B' : 'A';
    c.key = static_cast<char>('a' + number(3));
    c.ends = now + std::chrono::seconds(number(600) + 1);
  }
  void publish(WorldHost& host) {
    auto& tlsa = host.tlsa;
    tlsa = {};
    tlsa.state = static_cast<WorldTlsa::State>(number(5));
    if (tlsa.state != WorldTlsa::Usable) return;
    tlsa.usage = one_in(3) ? 2 : 3;
    for (char key = 'a'; key <= 'c'; ++key)
      if (one_in(2)) tlsa.keys += key;
    if (tlsa.keys.empty()) tlsa.keys = "a";
  }

  [[nodiscard]] bool is_the_same_wire(WorldMail const& mail, WorldConnection const& c) const {
    auto const& then = c.options;
    bool const wants_tls = options.wrapper || domains[mail.domain].level != TlsLevel::None;
    bool const is_same_login = mail.login == c.login && mail.is_of_sender == c.is_of_sender &&
                               (mail.login == 0 || options.secret_versions[mail.login - 1U] ==
                                                       then.secret_versions[mail.login - 1U]);
    bool const is_same_tls = !wants_tls || (options.client_certificate == then.client_certificate &&
                                            options.authorities == then.authorities &&
                                            options.minimum_version == then.minimum_version);
    return is_same_login && is_same_tls && mail.is_relaxed() == c.is_relaxed &&
           wants_tls == c.asks_for_tls && options.wrapper == then.wrapper &&
           options.ehlo_name == then.ehlo_name && options.source_address == then.source_address &&
           options.port == then.port;
  }

  [[nodiscard]] bool is_proved_enough(WorldMail const& mail, WorldAnswer::Mx const& mx,
                                      WorldConnection const& c) {
    if (mail.is_relaxed()) return true;
    bool const is_good = is_proved(mail.domain, mx, c);
    return mail.wish == WorldWish::Proof ? is_good && is_proved_on_the_whole_way(mail, mx, c)
                                         : is_good;
  }

  // The way to the host by DNSSEC or MTA-STS, the host by its TLSA records or its certificate.
  [[nodiscard]] bool is_proved_on_the_whole_way(WorldMail const& mail, WorldAnswer::Mx const& mx,
                                                WorldConnection const& c) {
    auto const& answer = this->answer(mail.domain);
    auto const level = domains[mail.domain].level;
    bool const knows_host =
        answer.mx_is_signed || (answer.sts == WorldSts::Enforce && answer.lists[mx.host]);
    if (level == TlsLevel::None || !knows_host || !c.is_encrypted) return false;
    bool const asks_dane =
        level == TlsLevel::Dane || level == TlsLevel::DaneOnly || level == TlsLevel::Auto;
    if (asks_dane && mx.tlsa.state == WorldTlsa::Usable) return true;  // is_proved() has seen to it
    return options.trusts(c.certificate.issuer) && c.certificate.ends > now &&
           c.certificate.is_of_host;
  }

  [[nodiscard]] bool is_proved(std::size_t domain, WorldAnswer::Mx const& mx,
                               WorldConnection const& c) {
    auto const& answer = this->answer(domain);
    auto const level = domains[domain].level;
    bool const is_valid =
        c.is_encrypted && options.trusts(c.certificate.issuer) && c.certificate.ends > now;
    bool const is_of_domain = c.certificate.is_of_domain[domain];
    switch (level) {
      case TlsLevel::None:
      case TlsLevel::May:
        return true;
      case TlsLevel::Encrypt:
        return c.is_encrypted;
      case TlsLevel::Verify:
        return is_valid && c.certificate.is_of_host;
      case TlsLevel::Secure:
        return is_valid && is_of_domain;
      case TlsLevel::Dane:
        return is_proved_by_dane(mx, c, is_of_domain);
      case TlsLevel::DaneOnly:
        return answer.mx_is_signed && mx.tlsa.state == WorldTlsa::Usable &&
               is_proved_by_dane(mx, c, is_of_domain);
      case TlsLevel::Auto:
        break;
    }
    if (!is_proved_by_dane(mx, c, is_of_domain)) return false;
    bool const dane_is_enough = mx.tlsa.state == WorldTlsa::Usable && answer.mx_is_signed;
    if (answer.sts != WorldSts::Enforce || dane_is_enough) return true;
    return answer.lists[mx.host] && is_valid && c.certificate.is_of_host &&
           c.certificate.names_are_alternative;
  }

  [[nodiscard]] bool is_proved_by_dane(WorldAnswer::Mx const& mx, WorldConnection const& c,
                                       bool is_of_domain) const {
    switch (mx.tlsa.state) {
      case WorldTlsa::Unsigned:
      case WorldTlsa::None:
        return true;
      case WorldTlsa::Unusable:
        return c.is_encrypted;
      case WorldTlsa::Bogus:
        return false;
      case WorldTlsa::Usable:
        break;
    }
    if (!c.is_encrypted || c.tried != mx.tlsa ||
        mx.tlsa.keys.find(c.certificate.key) == std::string::npos)
      return false;
    return mx.tlsa.usage == 3 ||
           (c.certificate.ends > now && (c.certificate.is_of_host || is_of_domain));
  }

  std::mt19937_64 dice_;
  std::array<WorldAnswer, world_domains> answers_;
  std::uint32_t last_version_ = 2;
};

}  // namespace mailpool::tests
