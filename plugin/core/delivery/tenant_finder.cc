#include "core/delivery/tenant_finder.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool::delivery {

namespace {

std::string first_name(std::vector<std::string> const& values) {
  for (auto const& value : values)
    if (auto name = ascii_lower(value); is_tenant_name(name)) return name;
  return {};
}

}  // namespace

TenantFinder::Found TenantFinder::find(Envelope const& envelope, Scopes const& scopes,
                                       WallTime now) const {
  Found found;
  for (auto const& seal : envelope.marks.seals) {
    if (!keys_) {
      found.doubt = "there is no key to open it with ([milter] key_file)";
      break;
    }
    if (auto opened = open_seal(seal, envelope.sender, now, *keys_)) {
      found = {std::move(opened->tenant), std::move(opened->campaign), {}};
      break;
    } else {
      found.doubt = opened.error().reason;
    }
  }
  bool const is_sealed = !found.tenant.empty() || !found.campaign.empty();
  if (!is_sealed && trust_unsigned_) {
    found.tenant = first_name(envelope.marks.names);
    found.campaign = first_name(envelope.marks.campaigns);
  }
  if (auto const* tenant = scopes.tenant_of(envelope.sender_domain);
      found.tenant.empty() && tenant != nullptr)
    found.tenant = tenant->scope.name();
  return found;
}

}  // namespace mailpool::delivery
