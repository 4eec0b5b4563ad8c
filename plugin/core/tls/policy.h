#pragma once
// What a message to a domain requires of a connection to one of its MX hosts, and whether a
// connection has it. Two pure functions: policy_for() before connecting, objection() immediately
// before each MAIL.
//
// The options and the recipient's domain decide it; a sender may ask for more: REQUIRETLS (RFC
// 8689).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "core/config/tls_settings.h"
#include "core/message/outcome.h"
#include "core/tls/facts.h"
#include "core/tls/sts_policy.h"
#include "core/tls/tlsa.h"

namespace mailpool::tls {

/// What DNS says of one MX host.
struct HostFacts {
  std::string host;
  TlsaState tlsa = TlsaState::NotAsked;
  std::string tlsa_base;            ///< the host, or the name that its CNAMEs end at
  std::vector<TlsaRecord> records;  ///< the usable ones
  std::string why;                  ///< of Bogus and Failed
};

/// What is known of a domain's security when its route is found; valid as long as the route.
struct RouteFacts {
  std::string domain;
  bool is_configured = false;  ///< from [route], or an address: no MX was asked
  bool mx_is_secure = false;   ///< by DNSSEC, the absence of MX records too
  std::vector<HostFacts> hosts;
  StsPolicy sts;
  [[nodiscard]] HostFacts const* find(std::string_view host) const;
};

/// The kinds of failure that TLS reports know (RFC 8460 4.3).
enum class Failure : std::uint8_t {
  StarttlsNotSupported,
  CertificateHostMismatch,
  CertificateExpired,
  CertificateNotTrusted,
  ValidationFailure,  ///< any other: a handshake that failed
  TlsaInvalid,
  DnssecInvalid,
  DaneRequired,
  StsPolicyFetchError,
  StsPolicyInvalid,
  StsWebpkiInvalid,
};
[[nodiscard]] std::string_view name_of(Failure failure);
[[nodiscard]] std::optional<Failure> failure_of_name(std::string_view name);

/// What the sender of a message asks of its way.
enum class SenderTls : std::uint8_t {
  Usual,
  Required,     ///< REQUIRETLS (RFC 8689): proved TLS to every hop, or the message comes back
  NotRequired,  ///< "TLS-Required: No" (RFC 8689): it shall arrive, with TLS or without
};

/// What REQUIRETLS needs of a host beside what the level requires (RFC 8689 4.2.1).
struct RequireTls {
  std::string impossible;          ///< why no connection to this host can do; "" where one can
  bool is_only_for_now = false;    ///< of `impossible`: a lookup failed
  std::vector<std::string> names;  ///< a trusted certificate must have one of them; empty: what the
                                   ///< level requires proves the host
};

/// A policy as a report shows it.
struct PolicyText {
  std::string type = "no-policy-found";  ///< or tlsa, sts
  std::vector<std::string> lines;        ///< TLSA records, or the lines of an MTA-STS policy
  /// The policy domain, where it is not the recipient's: of TLSA records their base domain (RFC
  /// 8460 1.1).
  std::string domain;
  bool operator==(PolicyText const&) const = default;
};

struct Policy {
  TlsLevel asked = TlsLevel::May;  ///< the option
  TlsLevel level = TlsLevel::May;  ///< what it comes to at this host: never Auto or DaneOnly
  std::string because;     ///< what requires it, in words: `tls = "secure"`, `the MTA-STS policy of
                           ///< example.org (tls = "auto")`
  std::string impossible;  ///< why no connection to this host can do; "" where one can
  Failure why_impossible = Failure::ValidationFailure;
  std::string dane_digest;              ///< TLSA records that must have matched; "": none need to
  std::vector<std::string> dane_names;  ///< for DANE-TA: one of them must be in the certificate
  std::vector<std::string> names;  ///< a trusted certificate must have one of them; empty: need not
  bool needs_alternative_name = false;  ///< the subject's common name does not do (RFC 8461 4.1)
  /// MTA-STS in mode testing: what would be required; failures are only reported.
  std::vector<std::string> tested_names;
  std::string tested_impossible;
  PolicyText text;
  std::optional<RequireTls> require_tls;  ///< for mail that was given with REQUIRETLS
  bool tls_required_no = false;           ///< for mail with "TLS-Required: No": no more than `may`

  [[nodiscard]] bool uses_tls() const { return level != TlsLevel::None; }
  [[nodiscard]] bool needs_tls() const { return level > TlsLevel::May || require_tls; }
  /// What requires TLS, in words.
  [[nodiscard]] std::string const& demand() const;
  /// Whether some connection to this host may do.
  [[nodiscard]] bool is_possible() const {
    return impossible.empty() && (!require_tls || require_tls->impossible.empty());
  }
  /// Equal for policies that require the same of a connection.
  [[nodiscard]] std::string fingerprint() const;
};

/// The options that a domain's mail follows: its own, else its site's.
struct Choice {
  TlsLevel level = TlsLevel::May;
  std::vector<std::string> match;
};

[[nodiscard]] Policy policy_for(Choice const& choice, RouteFacts const& route,
                                std::string_view host, SenderTls sender = SenderTls::Usual);

struct Objection {
  Failure failure = Failure::ValidationFailure;
  std::string words;
  /// What a message is answered that no other host takes either. Options and records can be mended
  /// while it waits; what REQUIRETLS asks for is there or the sender is told (RFC 8689 4.2.1).
  std::uint16_t code = 451;
  EnhancedCode enhanced{4, 7, 5};
  [[nodiscard]] Outcome outcome(std::string_view relay) const;
};
/// Why no connection to this host can do; nothing where one may.
[[nodiscard]] std::optional<Objection> prohibition(Policy const& policy);
/// Of a server that does not offer REQUIRETLS under TLS.
[[nodiscard]] Objection offers_no_require_tls();
/// Why a connection with these facts may not carry mail under this policy; nothing if it may.
[[nodiscard]] std::optional<Objection> objection(Policy const& policy, Facts const& facts,
                                                 WallTime now);
/// The same, with a tested policy taken as if it were enforced, and without what the sender asks
/// for: for reports, which are about what the domain publishes.
[[nodiscard]] std::optional<Objection> objection_to_report(Policy const& policy, Facts const& facts,
                                                           WallTime now);

/// What a handshake is told: whom to ask for, and what to try the certificate against. It says no
/// by no more than the facts.
struct Plan {
  std::string server_name;          ///< SNI; "": none
  std::vector<TlsaRecord> records;  ///< empty: no DANE
  std::string records_digest;
  std::vector<std::string> dane_names;
  std::string settings;            ///< digest_of() its TlsSettings: versions, ciphers, trust
  std::string client_certificate;  ///< digest of the one that is shown; "": none
  bool may_resume = true;          ///< a session that an earlier handshake left
  /// What of it is on the wire or decides about trust, for the reuse key, which has the client's
  /// certificate in a field of its own: settings and SNI.
  [[nodiscard]] std::string wire_identity() const { return settings + " " + server_name; }
};

/// What a domain requires of one host, and how hands are shaken with it.
struct Terms {
  std::string host;
  Policy policy;
  Plan plan;
};

/// A domain's terms, for each host of its route.
class Policies {
 public:
  Policies(Choice const& choice, TlsSettings const& settings,
           std::shared_ptr<RouteFacts const> route, std::vector<std::string> const& hosts,
           SenderTls sender = SenderTls::Usual);
  /// Of a host of the route; those of any other forbid it.
  [[nodiscard]] Terms const& of(std::string_view host) const;
  [[nodiscard]] std::vector<Terms> const& all() const { return terms_; }
  [[nodiscard]] RouteFacts const& route() const { return *route_; }

 private:
  std::shared_ptr<RouteFacts const> route_;
  std::vector<Terms> terms_;
};

[[nodiscard]] Plan plan_for(TlsSettings const& settings, Policy const& policy,
                            RouteFacts const& route, std::string_view host);
/// Of what is on the wire or decides about trust, the client's certificate apart. Of files it is
/// what they held that counts, not how they are called.
[[nodiscard]] std::string digest_of(TlsSettings const& settings);

}  // namespace mailpool::tls
