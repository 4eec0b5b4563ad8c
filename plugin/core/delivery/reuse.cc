#include "core/delivery/reuse.h"

#include <algorithm>
#include <utility>

namespace mailpool::delivery {

pool::ReuseKey key_for(route::Target const& target, tls::Terms const& terms, Origin origin) {
  pool::ReuseKey key;
  key.mx_host = target.host;
  key.address = target.address;
  key.port = target.port;
  key.source = origin.source;
  key.ehlo_name = std::move(origin.ehlo_name);
  key.credential = std::move(origin.credential);
  key.tls_required_no = terms.policy.tls_required_no;
  if (origin.implicit_tls) {
    key.tls = pool::WireTls::Implicit;
  } else if (terms.policy.uses_tls()) {
    key.tls = pool::WireTls::StartTls;
  }
  if (key.tls == pool::WireTls::None) return key;
  key.tls_settings = terms.plan.wire_identity();
  key.client_certificate = terms.plan.client_certificate;
  return key;
}

route::Target const* still_named(route::Target const& target, route::Route const& route) {
  auto const found =
      std::find_if(route.targets.begin(), route.targets.end(), [&](route::Target const& t) {
        return t.address == target.address && t.port == target.port && t.host == target.host;
      });
  return found == route.targets.end() ? nullptr : &*found;
}

}  // namespace mailpool::delivery
