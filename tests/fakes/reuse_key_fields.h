#pragma once
// Each field of the reuse key by its name, for tests that flip one after another. A field that is
// added to the key and not here does not compile.

#include <string>
#include <utility>
#include <vector>

#include "core/pool/reuse_key.h"

namespace mailpool::fakes {

/// The names of the fields in which two keys differ; a credential counts by its parts.
[[nodiscard]] inline std::vector<std::string> differing_fields(pool::ReuseKey const& one,
                                                               pool::ReuseKey const& other) {
  auto const& [mx_host, address, source, ehlo_name, credential, client_certificate, tls_settings,
               port, protocol, tls, tls_required_no] = one;
  auto const& [mechanism, user, sender_domain, version] = credential;
  auto const& theirs = other.credential;
  std::vector<std::string> names;
  for (auto const& [name, differs] : std::vector<std::pair<char const*, bool>>{
           {"mx_host", mx_host != other.mx_host},
           {"address", address != other.address},
           {"source", source != other.source},
           {"ehlo_name", ehlo_name != other.ehlo_name},
           {"credential.mechanism", mechanism != theirs.mechanism},
           {"credential.user", user != theirs.user},
           {"credential.sender_domain", sender_domain != theirs.sender_domain},
           {"credential.version", version != theirs.version},
           {"client_certificate", client_certificate != other.client_certificate},
           {"tls_settings", tls_settings != other.tls_settings},
           {"port", port != other.port},
           {"protocol", protocol != other.protocol},
           {"tls", tls != other.tls},
           {"tls_required_no", tls_required_no != other.tls_required_no}})
    if (differs) names.emplace_back(name);
  return names;
}

/// Of which each must be flipped by something that happens in reality.
inline std::vector<std::string> const all_fields{"mx_host",
                                                 "address",
                                                 "source",
                                                 "ehlo_name",
                                                 "credential.mechanism",
                                                 "credential.user",
                                                 "credential.sender_domain",
                                                 "credential.version",
                                                 "client_certificate",
                                                 "tls_settings",
                                                 "port",
                                                 "protocol",
                                                 "tls",
                                                 "tls_required_no"};

}  // namespace mailpool::fakes
