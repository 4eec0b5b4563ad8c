#pragma once
// The answers to a recipient whose domain has no way: each reason's code and words, in one place.

#include <cstddef>
#include <string>
#include <string_view>

#include "core/message/outcome.h"
#include "core/route/host.h"
#include "core/route/resolver.h"

namespace mailpool::route::no_route {

[[nodiscard]] Outcome no_such_domain(std::string_view domain);  ///< 550 5.1.2: NXDOMAIN
[[nodiscard]] Outcome takes_no_mail(std::string_view domain);   ///< 556 5.1.10: null MX (RFC 7505)
[[nodiscard]] Outcome mx_lookup_failed(std::string_view domain,
                                       MxAnswer const&);  ///< 451 4.4.3: SERVFAIL, timeout, bogus
[[nodiscard]] Outcome address_lookup_failed(std::string_view domain,
                                            Host const&);  ///< 451 4.4.3: no other host is usable
[[nodiscard]] Outcome no_usable_name(
    std::string_view domain);  ///< 550 5.4.4: MX records, no host name among them
[[nodiscard]] Outcome no_address(
    std::string_view domain, bool is_implicit);  ///< 550 5.4.4: authoritatively none (RFC 5321 5.1)
[[nodiscard]] Outcome all_prohibited(
    std::string_view domain,
    Host const&);  ///< 550 5.4.4: the option `prohibited`, or own addresses
[[nodiscard]] Outcome loops_back(
    std::string_view domain, Host const&);  ///< 550 5.4.6: this machine is the most preferred MX
/// 451 4.4.4: hosts exist, but the option `ip` forbids the family their addresses are of. Of our
/// own making, so never a bounce.
[[nodiscard]] Outcome wrong_family(std::string_view domain, int family);
/// 451 4.4.4: only the most preferred hosts were looked up, none was usable, and there are more.
[[nodiscard]] Outcome too_many_dead_hosts(std::string_view domain, std::size_t asked,
                                          std::size_t all);
/// 451 4.4.4: the operator's own [route] names hosts without addresses: to be mended there, not
/// bounced.
[[nodiscard]] Outcome route_without_address(std::string_view domain, std::string_view key);
/// 451 4.4.3: more domains are being looked up than the router takes on.
[[nodiscard]] Outcome too_many_questions(std::string_view domain);

}  // namespace mailpool::route::no_route
