#include "core/tls/policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/sha256.h"
#include "core/tls/names.h"

namespace mailpool::tls {
namespace {

bool is_address(std::string_view host) {
  return host.find(':') != std::string_view::npos ||
         host.find_first_not_of("0123456789.[]") == std::string_view::npos;
}

// The names that `match` stands for, for this domain and host. Hosts of [route] were written by the
// operator, as a nexthop of Postfix's is: where no MX was asked, the host itself is the nexthop.
std::vector<std::string> names_of(std::vector<std::string> const& match, RouteFacts const& route,
                                  std::string_view host) {
  std::string const nexthop =
      route.is_configured && !is_address(host) ? std::string(host) : route.domain;
  std::vector<std::string> names;
  for (auto const& word : match) {
    if (word == "hostname") {
      names.emplace_back(host);
    } else if (word == "nexthop") {
      names.push_back(nexthop);
    } else if (word == "dot-nexthop") {
      names.push_back("." + nexthop);
    } else {
      names.push_back(word);
    }
  }
  return names;
}

std::string option(TlsLevel level) {
  return fmt::format("tls = \"{}\"", name_of(level));
}

void require_certificate(Policy& policy, Choice const& choice, RouteFacts const& route,
                         std::string_view host) {
  static std::vector<std::string> const of_host{"hostname"};
  static std::vector<std::string> const of_domain{"nexthop", "dot-nexthop"};
  auto const& usual = choice.level == TlsLevel::Verify ? of_host : of_domain;
  policy.names = names_of(choice.match.empty() ? usual : choice.match, route, host);
}

void require_dane(Policy& policy, RouteFacts const& route, HostFacts const& facts) {
  policy.level = TlsLevel::Dane;
  policy.dane_digest = digest_of(facts.records);
  policy.dane_names = {facts.tlsa_base, facts.host, route.domain};
}

// RFC 7672 2.2: usable records are a requirement, unusable ones require encryption, a lookup that
// failed or was tampered with forbids the host, and without records there is none.
void apply_dane(Policy& policy, RouteFacts const& route, HostFacts const& facts) {
  bool const is_only = policy.asked == TlsLevel::DaneOnly;
  if (is_only && !route.is_configured && !route.mx_is_secure) {
    policy.impossible = "the MX records of " + route.domain + " are not validated by DNSSEC";
    return;
  }
  switch (facts.tlsa) {
    case TlsaState::Usable:
      return require_dane(policy, route, facts);
    case TlsaState::Unusable:
      policy.level = TlsLevel::Encrypt;
      if (is_only) policy.impossible = "no TLSA record of " + facts.tlsa_base + " is usable";
      return;
    case TlsaState::Bogus:
    case TlsaState::Failed:
      policy.level = TlsLevel::Dane;
      policy.impossible = fmt::format("the TLSA records of {} could not be validated: {}",
                                      facts.tlsa_base, facts.why);
      return;
    case TlsaState::NotAsked:
    case TlsaState::None:
      break;
  }
  policy.level = is_only ? TlsLevel::Dane : TlsLevel::May;
  if (is_only) policy.impossible = facts.host + " has no TLSA records that DNSSEC validates";
}

// RFC 8461 4.1 and 5. Where DANE authenticates the whole way it stands alone (RFC 8461 2: a policy
// never overrides DANE); where only the host is signed, both are required.
void apply_sts(Policy& policy, RouteFacts const& route, std::string_view host) {
  if (route.is_configured || route.sts.mode == StsMode::None) return;
  if (policy.level == TlsLevel::Dane && route.mx_is_secure) return;
  if (route.sts.mode == StsMode::Testing) {
    policy.is_sts_tested = true;
    return;
  }
  policy.because = fmt::format("the MTA-STS policy of {} ({})", route.domain, option(policy.asked));
  if (!policy.impossible.empty()) return;
  policy.names = {std::string(host)};
  if (policy.level != TlsLevel::Dane) policy.level = TlsLevel::Secure;
  if (!lists(route.sts, host)) policy.impossible = fmt::format("it does not list {}", host);
}

std::string joined(std::vector<std::string> const& words, std::string_view between) {
  return fmt::format("{}", fmt::join(words, between));
}

std::string required(Policy const& policy, std::string_view what) {
  return fmt::format("{} requires {}", policy.because, what);
}

}  // namespace

HostFacts const* RouteFacts::find(std::string_view host) const {
  auto const found =
      std::find_if(hosts.begin(), hosts.end(), [&](HostFacts const& h) { return h.host == host; });
  return found == hosts.end() ? nullptr : &*found;
}

std::string Policy::fingerprint() const {
  return fmt::format("{}|{}|{}|{}", name_of(level), dane_digest,
                     dane_digest.empty() ? std::string() : joined(dane_names, ","),
                     joined(names, ","));
}

Policy policy_for(Choice const& choice, RouteFacts const& route, std::string_view host) {
  Policy policy;
  policy.asked = policy.level = choice.level;
  policy.because = option(choice.level);
  HostFacts unknown;
  unknown.host = unknown.tlsa_base = host;
  auto const* known = route.find(host);
  auto const& facts = known != nullptr ? *known : unknown;
  switch (choice.level) {
    case TlsLevel::None:
    case TlsLevel::May:
    case TlsLevel::Encrypt:
      break;
    case TlsLevel::Verify:
    case TlsLevel::Secure:
      require_certificate(policy, choice, route, host);
      break;
    case TlsLevel::Dane:
    case TlsLevel::DaneOnly:
      apply_dane(policy, route, facts);
      break;
    case TlsLevel::Auto:
      apply_dane(policy, route, facts);
      apply_sts(policy, route, host);
      break;
  }
  return policy;
}

std::optional<std::string> objection(Policy const& policy, Facts const& facts, WallTime now) {
  if (!policy.needs_tls()) return std::nullopt;
  if (!policy.impossible.empty())
    return fmt::format("{} forbids this host: {}", policy.because, policy.impossible);
  if (!facts.is_encrypted()) return required(policy, "TLS, and the connection has none");
  if (!policy.dane_digest.empty()) {
    if (facts.dane_records != policy.dane_digest)
      return required(policy, "that the TLSA records of now are matched");
    if (facts.dane != Dane::Matched || !facts.certificate)
      return required(policy, fmt::format("DANE, and the certificate matches no TLSA record: {}",
                                          facts.dane_problem));
    if (facts.dane_usage == 2 && !any_name_fits(facts.certificate->names, policy.dane_names))
      return required(policy, fmt::format("DANE-TA, and the certificate is not of {}",
                                          policy.dane_names.front()));
  }
  if (policy.names.empty()) return std::nullopt;
  if (!facts.certificate || !facts.chain_is_good)
    return required(
        policy, fmt::format("a trusted certificate: {}",
                            facts.chain_problem.empty() ? "there is none" : facts.chain_problem));
  if (facts.certificate->not_after <= now)
    return required(policy, "a trusted certificate: certificate has expired");
  if (!any_name_fits(facts.certificate->names, policy.names))
    return required(
        policy, fmt::format("a certificate of {}; this one is of {}", joined(policy.names, " or "),
                            facts.certificate->names.empty() ? std::string("no name")
                                                             : facts.certificate->names.front()));
  return std::nullopt;
}

Plan plan_for(TlsSettings const& settings, Policy const& policy, RouteFacts const& route,
              std::string_view host) {
  Plan plan;
  plan.settings = digest_of(settings);
  auto const* facts = route.find(host);
  bool const uses_dane =
      policy.level == TlsLevel::Dane && facts != nullptr && facts->tlsa == TlsaState::Usable;
  if (uses_dane) {
    plan.records = facts->records;
    plan.records_digest = digest_of(facts->records);
    plan.dane_names = policy.dane_names;
    plan.server_name = facts->tlsa_base;  // RFC 7672 8.1
  } else if (settings.sni == "nexthop") {
    plan.server_name = route.domain;
  } else if (settings.sni == "hostname") {
    plan.server_name = host;
  } else if (settings.sni != "none") {
    plan.server_name = settings.sni;
  }
  if (is_address(plan.server_name)) plan.server_name.clear();
  return plan;
}

std::string digest_of(TlsSettings const& settings) {
  std::string all;
  for (auto const* text : {&settings.ca_file, &settings.ca_dir, &settings.ciphers,
                           &settings.ciphersuites, &settings.certificate, &settings.key})
    all += fmt::format("{}:{}", text->size(), *text);
  all += name_of(settings.minimum_version);
  return sha256_hex(all, 32);
}

}  // namespace mailpool::tls
