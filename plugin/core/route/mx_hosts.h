#pragma once
// What an MX answer says: the hosts, in order, or the reason why there is no way (RFC 5321 5.1, RFC
// 7505).

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "core/message/outcome.h"
#include "core/route/resolver.h"

namespace mailpool::route {

/// Hosts by preference; names once each, at their best preference, valid ones only. Without MX
/// records the domain itself (implicit MX), and only then: a failed lookup is never taken for an
/// absent record.
[[nodiscard]] tl::expected<std::vector<MxRecord>, Outcome> mx_hosts(std::string const& domain,
                                                                    MxAnswer answer);

}  // namespace mailpool::route
