#pragma once
// A site's side of TLS: what each domain requires of each host, and which endpoints lately failed
// to prove it.

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/config/settings.h"
#include "core/delivery/login_use.h"
#include "core/delivery/tls_context.h"
#include "core/message/message.h"
#include "core/route/router.h"
#include "core/site/endpoint_health.h"
#include "core/tls/policy.h"

namespace mailpool::delivery {

/// What mail to a domain requires of the hosts of its route, by these options and its sender's
/// wish.
[[nodiscard]] tls::Policies policies_of(std::string const& domain, route::Route const& route,
                                        SiteSettings const& settings, TlsContext const& context,
                                        tls::SenderTls sender = tls::SenderTls::Usual);

/// What the message's sender asks of its way. REQUIRETLS outweighs the header (RFC 8689 4.1); with
/// a login the header relaxes nothing: a password is not for whoever answers.
[[nodiscard]] tls::SenderTls sender_tls(Envelope const& envelope, SiteSettings const& settings,
                                        LoginUse const& login);

class SiteTls {
 public:
  using Shared = std::shared_ptr<tls::Policies const>;

  /// What mail to the domain requires of the hosts of its route, by the options of now.
  [[nodiscard]] Shared policies_for(std::string const& domain, route::Route const& route,
                                    SiteSettings const& settings, TlsContext const& context,
                                    tls::SenderTls sender);
  /// The options have changed.
  void forget_policies() { known_ = {}; }

  /// An endpoint could not be made to meet the policy; it is not tried again under such a policy
  /// for a while. Others are not concerned.
  void note_unproven(tls::Policy const& policy, site::EndpointName const& endpoint, Outcome why,
                     TimePoint now);
  void note_proven(tls::Policy const& policy, site::EndpointName const& endpoint);
  /// Whether a connection to the endpoint may be opened under this policy now, by somebody who has
  /// been looking for one since `since`: what failed since then has had its turn.
  [[nodiscard]] bool may_try(tls::Policy const& policy, site::EndpointName const& endpoint,
                             TimePoint now, TimePoint since = never) const;
  /// Why not; null if nothing is known against it.
  [[nodiscard]] site::EndpointHealth::Record const* failure_of(
      tls::Policy const& policy, site::EndpointName const& endpoint) const;
  void forget_failures() { unproven_.clear(); }

 private:
  struct Known {
    std::shared_ptr<tls::RouteFacts const> facts;
    Shared policies;
  };

  std::unordered_map<std::string, Known> known_;  ///< by domain; of mail without a wish
  std::unordered_map<std::string, site::EndpointHealth> unproven_;  ///< by fingerprint
};

}  // namespace mailpool::delivery
