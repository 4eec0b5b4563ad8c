#pragma once
// What a message to a domain requires of a connection to one of its MX hosts, and whether a
// connection has it. Two pure functions: policy_for() before connecting, objection() immediately
// before each MAIL.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/config/tls_settings.h"
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

struct Policy {
  TlsLevel asked = TlsLevel::May;  ///< the option
  TlsLevel level = TlsLevel::May;  ///< what it comes to at this host: never Auto or DaneOnly
  std::string because;     ///< what requires it, in words: `tls = "secure"`, `the MTA-STS policy of
                           ///< example.org (tls = "auto")`
  std::string impossible;  ///< why no connection to this host can do; "" where one can
  std::string dane_digest;              ///< TLSA records that must have matched; "": none need to
  std::vector<std::string> dane_names;  ///< for DANE-TA: one of them must be in the certificate
  std::vector<std::string> names;  ///< a trusted certificate must have one of them; empty: need not
  bool is_sts_tested = false;      ///< MTA-STS in mode testing: failures are only reported

  [[nodiscard]] bool uses_tls() const { return level != TlsLevel::None; }
  [[nodiscard]] bool needs_tls() const { return level > TlsLevel::May; }
  /// Equal for policies that require the same of a connection.
  [[nodiscard]] std::string fingerprint() const;
};

/// The options that a domain's mail follows: its own, else its site's.
struct Choice {
  TlsLevel level = TlsLevel::May;
  std::vector<std::string> match;
};

[[nodiscard]] Policy policy_for(Choice const& choice, RouteFacts const& route,
                                std::string_view host);

/// Why a connection with these facts may not carry mail under this policy; nothing if it may.
[[nodiscard]] std::optional<std::string> objection(Policy const& policy, Facts const& facts,
                                                   WallTime now);

/// What a handshake is told: whom to ask for, and what to try the certificate against. It says no
/// by no more than the facts.
struct Plan {
  std::string server_name;          ///< SNI; "": none
  std::vector<TlsaRecord> records;  ///< empty: no DANE
  std::string records_digest;
  std::vector<std::string> dane_names;
  std::string settings;  ///< digest_of() its TlsSettings: which certificate, ciphers, trust
};

[[nodiscard]] Plan plan_for(TlsSettings const& settings, Policy const& policy,
                            RouteFacts const& route, std::string_view host);
/// Of what is on the wire or decides about trust: equal only for equal settings.
[[nodiscard]] std::string digest_of(TlsSettings const& settings);

}  // namespace mailpool::tls
