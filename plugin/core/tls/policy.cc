#include "core/tls/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

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
    policy.why_impossible = Failure::DaneRequired;
    policy.impossible = "the MX records of " + route.domain + " are not validated by DNSSEC";
    return;
  }
  switch (facts.tlsa) {
    case TlsaState::Usable:
      return require_dane(policy, route, facts);
    case TlsaState::Unusable:
      policy.level = TlsLevel::Encrypt;
      if (is_only) policy.impossible = "no TLSA record of " + facts.tlsa_base + " is usable";
      policy.why_impossible = Failure::TlsaInvalid;
      return;
    case TlsaState::Bogus:
    case TlsaState::Failed:
      policy.level = TlsLevel::Dane;
      policy.impossible = fmt::format("the TLSA records of {} could not be validated: {}",
                                      facts.tlsa_base, facts.why);
      policy.why_impossible = Failure::DnssecInvalid;
      return;
    case TlsaState::NotAsked:
    case TlsaState::None:
      break;
  }
  policy.level = is_only ? TlsLevel::Dane : TlsLevel::May;
  policy.why_impossible = Failure::DaneRequired;
  if (is_only) policy.impossible = facts.host + " has no TLSA records that DNSSEC validates";
}

// RFC 8461 4.1 and 5. Where DANE authenticates the whole way it stands alone (RFC 8461 2: a policy
// never overrides DANE); where only the host is signed, both are required.
void apply_sts(Policy& policy, RouteFacts const& route, std::string_view host) {
  if (route.is_configured || route.sts.mode == StsMode::None) return;
  if (policy.level == TlsLevel::Dane && route.mx_is_secure) return;
  auto const unlisted =
      lists(route.sts, host) ? std::string() : fmt::format("it does not list {}", host);
  if (route.sts.mode == StsMode::Testing) {
    policy.tested_names = {std::string(host)};
    policy.tested_impossible = unlisted;
    return;
  }
  policy.because = fmt::format("the MTA-STS policy of {} ({})", route.domain, option(policy.asked));
  if (!policy.impossible.empty()) return;
  policy.names = {std::string(host)};
  policy.needs_alternative_name = true;
  if (policy.level != TlsLevel::Dane) policy.level = TlsLevel::Secure;
  policy.impossible = unlisted;
}

std::string hexadecimal(std::string_view octets) {
  std::string text;
  for (char const c : octets) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

std::string joined(std::vector<std::string> const& words, std::string_view between) {
  return fmt::format("{}", fmt::join(words, between));
}

std::string const require_tls_text = "REQUIRETLS";

Objection requires_what(std::string_view who, Failure failure, std::string_view what) {
  return {failure, fmt::format("{} requires {}", who, what)};
}

Objection for_good(Objection objection) {
  objection.code = 550;
  objection.enhanced = {5, 7, 10};
  return objection;
}

// By a DANE-TA record the certificate is one of many, with names and dates that count; by DANE-EE
// it is the very one, and they mean nothing (RFC 7672 3.1).
std::optional<Objection> dane_objection(Policy const& policy, Facts const& facts, WallTime now) {
  if (policy.dane_digest.empty()) return std::nullopt;
  if (facts.dane_records != policy.dane_digest)
    return requires_what(policy.because, Failure::DaneRequired,
                         "a match of the TLSA records of now, which were not tried");
  if (facts.dane != Dane::Matched || !facts.certificate)
    return requires_what(
        policy.because, Failure::ValidationFailure,
        fmt::format("DANE, and the certificate matches no TLSA record: {}", facts.dane_problem));
  if (facts.dane_usage != 2) return std::nullopt;
  if (facts.certificate->not_after <= now)
    return requires_what(policy.because, Failure::CertificateExpired,
                         "DANE-TA, and the certificate has expired");
  if (!any_name_fits(facts.certificate->names, policy.dane_names))
    return requires_what(
        policy.because, Failure::CertificateHostMismatch,
        fmt::format("DANE-TA, and the certificate is not of {}", policy.dane_names.front()));
  return std::nullopt;
}

std::optional<Objection> certificate_objection(std::string_view who,
                                               std::vector<std::string> const& names,
                                               bool needs_alternative_name, Facts const& facts,
                                               WallTime now) {
  if (!facts.certificate || !facts.chain_is_good) {
    auto const& problem = facts.chain_problem;
    return requires_what(
        who, facts.chain_has_expired ? Failure::CertificateExpired : Failure::CertificateNotTrusted,
        fmt::format("a trusted certificate: {}", problem.empty() ? "there is none" : problem));
  }
  auto const& certificate = *facts.certificate;
  if (certificate.not_after <= now)
    return requires_what(who, Failure::CertificateExpired,
                         "a trusted certificate: certificate has expired");
  bool const may_be_named = certificate.names_are_alternative || !needs_alternative_name;
  if (may_be_named && any_name_fits(certificate.names, names)) return std::nullopt;
  return requires_what(
      who, Failure::CertificateHostMismatch,
      fmt::format("a certificate of {}; this one is of {}", joined(names, " or "),
                  certificate.names.empty() ? std::string("no name") : certificate.names.front()));
}

std::optional<Objection> level_objection(Policy const& policy, Facts const& facts, WallTime now) {
  if (!policy.impossible.empty()) return prohibition(policy);
  if (policy.level <= TlsLevel::May) return std::nullopt;
  if (!facts.is_encrypted())
    return requires_what(policy.because, Failure::StarttlsNotSupported,
                         "TLS, and the connection has none");
  if (auto found = dane_objection(policy, facts, now)) return found;
  if (policy.names.empty()) return std::nullopt;
  return certificate_objection(policy.because, policy.names, policy.needs_alternative_name, facts,
                               now);
}

bool is_proved_by_mx(RouteFacts const& route, std::string_view host) {
  return route.is_configured || route.mx_is_secure ||
         (route.sts.mode == StsMode::Enforce && lists(route.sts, host));
}

// RFC 8689 4.2.1: that this host is the domain's is known from DNSSEC or MTA-STS (a host of [route]
// was written by the operator), and that it is this host from DANE or its certificate.
RequireTls required_of(Policy const& policy, Choice const& choice, RouteFacts const& route,
                       std::string_view host) {
  RequireTls required;
  if (policy.level == TlsLevel::None) {
    required.impossible = policy.because + " forbids TLS";
    return required;
  }
  if (!is_proved_by_mx(route, host)) {
    required.is_only_for_now = route.sts.is_unavailable;
    required.impossible = fmt::format(
        "nothing proves that {} is a host of {}: its MX records are not validated by DNSSEC and {}",
        host, route.domain,
        route.sts.is_unavailable             ? "its MTA-STS policy cannot be had now"
        : policy.asked != TlsLevel::Auto     ? "MTA-STS is only asked with tls = \"auto\""
        : route.sts.mode == StsMode::Testing ? "its MTA-STS policy is only tested"
                                             : "no MTA-STS policy is known");
    return required;
  }
  if (!policy.dane_digest.empty() || (route.is_configured && !policy.names.empty()))
    return required;
  static std::vector<std::string> const of_host{"hostname"};
  bool const is_told = route.is_configured && !choice.match.empty();
  required.names = names_of(is_told ? choice.match : of_host, route, host);
  return required;
}

std::optional<Objection> require_tls_objection(Policy const& policy, Facts const& facts,
                                               WallTime now) {
  if (!facts.is_encrypted())
    return requires_what(require_tls_text, Failure::StarttlsNotSupported,
                         "TLS, and the connection has none");
  auto const& names = policy.require_tls->names;
  if (names.empty()) return std::nullopt;
  return certificate_objection(require_tls_text, names, false, facts, now);
}

// As Postfix does it: neither the recipient's records nor the options require anything any more;
// TLS is spoken where it can be had.
Policy relaxed(Policy policy) {
  policy.tls_required_no = true;
  if (policy.level <= TlsLevel::May) return policy;
  policy.level = TlsLevel::May;
  policy.because = "TLS-Required: No";
  return policy;
}

PolicyText text_of(RouteFacts const& route, Policy const& policy, HostFacts const& facts) {
  if (policy.level == TlsLevel::Dane && !facts.records.empty()) {
    PolicyText text{"tlsa", {}, facts.tlsa_base};
    for (auto const& record : facts.records)
      text.lines.push_back(fmt::format("_25._tcp.{}. IN TLSA {} {}", facts.tlsa_base,
                                       summary_of(record), hexadecimal(record.data)));
    return text;
  }
  if (policy.asked != TlsLevel::Auto || route.sts.mode == StsMode::None) return {};
  PolicyText text{"sts", {"version: STSv1", fmt::format("mode: {}", name_of(route.sts.mode))}, {}};
  for (auto const& mx : route.sts.mx) text.lines.push_back("mx: " + mx);
  text.lines.push_back(fmt::format(
      "max_age: {}", std::chrono::duration_cast<std::chrono::seconds>(route.sts.max_age).count()));
  return text;
}

constexpr std::array all_failures{Failure::StarttlsNotSupported, Failure::CertificateHostMismatch,
                                  Failure::CertificateExpired,   Failure::CertificateNotTrusted,
                                  Failure::ValidationFailure,    Failure::TlsaInvalid,
                                  Failure::DnssecInvalid,        Failure::DaneRequired,
                                  Failure::StsPolicyFetchError,  Failure::StsPolicyInvalid,
                                  Failure::StsWebpkiInvalid};

}  // namespace

std::string_view name_of(Failure failure) {
  switch (failure) {
    case Failure::StarttlsNotSupported:
      return "starttls-not-supported";
    case Failure::CertificateHostMismatch:
      return "certificate-host-mismatch";
    case Failure::CertificateExpired:
      return "certificate-expired";
    case Failure::CertificateNotTrusted:
      return "certificate-not-trusted";
    case Failure::ValidationFailure:
      return "validation-failure";
    case Failure::TlsaInvalid:
      return "tlsa-invalid";
    case Failure::DnssecInvalid:
      return "dnssec-invalid";
    case Failure::DaneRequired:
      return "dane-required";
    case Failure::StsPolicyFetchError:
      return "sts-policy-fetch-error";
    case Failure::StsPolicyInvalid:
      return "sts-policy-invalid";
    case Failure::StsWebpkiInvalid:
      return "sts-webpki-invalid";
  }
  return "validation-failure";
}

std::optional<Failure> failure_of_name(std::string_view name) {
  auto const found = std::find_if(all_failures.begin(), all_failures.end(),
                                  [&](Failure f) { return name_of(f) == name; });
  return found == all_failures.end() ? std::nullopt : std::optional(*found);
}

HostFacts const* RouteFacts::find(std::string_view host) const {
  auto const found =
      std::find_if(hosts.begin(), hosts.end(), [&](HostFacts const& h) { return h.host == host; });
  return found == hosts.end() ? nullptr : &*found;
}

std::string Policy::fingerprint() const {
  return fmt::format("{}|{}|{}|{}{}|{}", name_of(level), dane_digest,
                     dane_digest.empty() ? std::string() : joined(dane_names, ","),
                     needs_alternative_name ? "alternative " : "", joined(names, ","),
                     require_tls ? "REQUIRETLS " + joined(require_tls->names, ",") : "");
}

std::string const& Policy::demand() const {
  return require_tls && level <= TlsLevel::May ? require_tls_text : because;
}

Outcome Objection::outcome(std::string_view relay) const {
  return Outcome::local(code, enhanced, fmt::format("{}: {}", relay, words));
}

std::optional<Objection> prohibition(Policy const& policy) {
  if (!policy.impossible.empty()) {
    Objection const found{policy.why_impossible, fmt::format("{} forbids this host: {}",
                                                             policy.because, policy.impossible)};
    bool const is_only_for_now = policy.why_impossible == Failure::DnssecInvalid;
    return policy.require_tls && !is_only_for_now ? for_good(found) : found;
  }
  if (policy.is_possible()) return std::nullopt;
  Objection const found{
      Failure::ValidationFailure,
      fmt::format("{} forbids this host: {}", require_tls_text, policy.require_tls->impossible)};
  return policy.require_tls->is_only_for_now ? found : for_good(found);
}

Objection offers_no_require_tls() {
  return {
      Failure::ValidationFailure,
      fmt::format("{} requires a server that offers it, and this one does not", require_tls_text),
      550,
      {5, 7, 30}};
}

Policy policy_for(Choice const& choice, RouteFacts const& route, std::string_view host,
                  SenderTls sender) {
  Policy policy;
  policy.asked = policy.level = choice.level;
  policy.because = option(choice.level);
  if (sender == SenderTls::NotRequired) return relaxed(std::move(policy));
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
  policy.text = text_of(route, policy, facts);
  if (sender == SenderTls::Required) policy.require_tls = required_of(policy, choice, route, host);
  return policy;
}

std::optional<Objection> objection(Policy const& policy, Facts const& facts, WallTime now) {
  if (!policy.needs_tls()) return std::nullopt;
  auto found = level_objection(policy, facts, now);
  if (!policy.require_tls) return found;
  if (auto const forbidden = prohibition(policy)) return forbidden;
  if (!found) found = require_tls_objection(policy, facts, now);
  return found ? std::optional(for_good(*found)) : std::nullopt;
}

std::optional<Objection> objection_to_report(Policy const& policy, Facts const& facts,
                                             WallTime now) {
  auto enforced = policy;
  enforced.require_tls.reset();
  if (policy.tested_names.empty()) return objection(enforced, facts, now);
  enforced.names = policy.tested_names;
  enforced.needs_alternative_name = true;
  if (enforced.level < TlsLevel::Secure) enforced.level = TlsLevel::Secure;
  if (enforced.impossible.empty()) {
    enforced.impossible = policy.tested_impossible;
    enforced.why_impossible = Failure::ValidationFailure;
  }
  return objection(enforced, facts, now);
}

namespace {

// Of a host that no domain named: it gets nothing.
Terms const& of_no_host() {
  static Terms const terms = [] {
    Terms made;
    made.policy.asked = made.policy.level = TlsLevel::Encrypt;
    made.policy.because = "the route";
    made.policy.impossible = "it is no host of the domain";
    return made;
  }();
  return terms;
}

}  // namespace

Policies::Policies(Choice const& choice, TlsSettings const& settings,
                   std::shared_ptr<RouteFacts const> route, std::vector<std::string> const& hosts,
                   SenderTls sender)
    : route_(std::move(route)) {
  for (auto const& host : hosts) {
    auto policy = policy_for(choice, *route_, host, sender);
    auto plan = plan_for(settings, policy, *route_, host);
    terms_.push_back({host, std::move(policy), std::move(plan)});
  }
}

Terms const& Policies::of(std::string_view host) const {
  auto const found = std::find_if(terms_.begin(), terms_.end(),
                                  [&](Terms const& terms) { return terms.host == host; });
  return found == terms_.end() ? of_no_host() : *found;
}

Plan plan_for(TlsSettings const& settings, Policy const& policy, RouteFacts const& route,
              std::string_view host) {
  Plan plan;
  plan.settings = digest_of(settings);
  plan.client_certificate = settings.files.client_certificate;
  plan.may_resume = settings.session_resumption;
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
  for (auto const* text : {&settings.files.authorities, &settings.ciphers, &settings.ciphersuites})
    all += fmt::format("{}:{}", text->size(), *text);
  all += name_of(settings.minimum_version);
  return sha256_hex(all, 32);
}

}  // namespace mailpool::tls
