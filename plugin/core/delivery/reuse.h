#pragma once
// Which connections mail may share: the key that each must have, and the route that must still name
// its host. Pure; what the connection has proved is tls::objection()'s.

#include <string>

#include "core/base/ip.h"
#include "core/pool/reuse_key.h"
#include "core/route/router.h"
#include "core/site/endpoint_health.h"
#include "core/tls/policy.h"

namespace mailpool::delivery {

[[nodiscard]] inline site::EndpointName endpoint_of(route::Target const& target) {
  return {target.host, target.address, target.port};
}

/// From where and as whom connections are made.
struct Origin {
  IpAddress source;  ///< 0.0.0.0: the kernel chooses
  std::string ehlo_name;
  pool::Credential credential;
  bool implicit_tls = false;
};

/// The only place where the key of an SMTP connection is made: before it is opened, and whenever
/// mail looks for one that is there.
[[nodiscard]] pool::ReuseKey key_for(route::Target const& target, tls::Terms const& terms,
                                     Origin origin);

/// A domain is bound to an MX host only while its own, current route names it, since a poisoned
/// answer must not live as long as a connection. The route's word on a connection's target, whose
/// preference may be another by now; null if it does not name it.
[[nodiscard]] route::Target const* still_named(route::Target const& target,
                                               route::Route const& route);

}  // namespace mailpool::delivery
