#include "core/delivery/tenant_finder.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool::delivery {

TenantFinder::Found TenantFinder::find(Envelope const& envelope, Scopes const& scopes,
                                       WallTime now) const {
  Found found;
  for (auto const& seal : envelope.marks.seals) {
    if (!keys_) {
      found.doubt = "there is no key to open it with ([milter] key_file)";
      break;
    }
    auto tenant = open_seal(seal, envelope.sender, now, *keys_);
    if (tenant) return {std::move(*tenant), {}};
    found.doubt = tenant.error().reason;
  }
  if (trust_unsigned_)
    for (auto const& name : envelope.marks.names)
      if (auto const tenant = ascii_lower(name); is_tenant_name(tenant)) {
        found.tenant = tenant;
        return found;
      }
  if (auto const* tenant = scopes.tenant_of(envelope.sender_domain))
    found.tenant = tenant->scope.name();
  return found;
}

}  // namespace mailpool::delivery
