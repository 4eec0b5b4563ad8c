#include "core/delivery/site_tls.h"

#include <algorithm>
#include <utility>

namespace mailpool::delivery {
namespace {

constexpr std::size_t most_known = 1024;
constexpr std::size_t most_fingerprints = 256;

std::vector<std::string> hosts_of(route::Route const& route) {
  std::vector<std::string> hosts;
  for (auto const& target : route.targets)
    if (std::find(hosts.begin(), hosts.end(), target.host) == hosts.end())
      hosts.push_back(target.host);
  return hosts;
}

tls::Choice choice_for(std::string const& domain, SiteSettings const& settings,
                       TlsContext const& context) {
  tls::Choice choice{settings.tls, settings.tls_settings.match};
  auto const own = context.domains.find(domain);
  if (own == context.domains.end()) return choice;
  choice.level = own->second.level.value_or(choice.level);
  if (!own->second.match.empty()) choice.match = own->second.match;
  return choice;
}

// A route that nobody asked DNS for says nothing of its security.
std::shared_ptr<tls::RouteFacts const> facts_of(std::string const& domain,
                                                route::Route const& route) {
  if (route.security) return route.security;
  auto facts = std::make_shared<tls::RouteFacts>();
  facts->domain = domain;
  facts->is_configured = true;
  return facts;
}

}  // namespace

tls::Policies policies_of(std::string const& domain, route::Route const& route,
                          SiteSettings const& settings, TlsContext const& context,
                          tls::SenderTls sender) {
  return {choice_for(domain, settings, context), settings.tls_settings, facts_of(domain, route),
          hosts_of(route), sender};
}

tls::SenderTls sender_tls(Envelope const& envelope, SiteSettings const& settings,
                          LoginUse const& login) {
  if (envelope.require_tls) return tls::SenderTls::Required;
  bool const is_relaxed =
      envelope.tls_required_no && settings.tls_settings.required_no && login.is_none();
  return is_relaxed ? tls::SenderTls::NotRequired : tls::SenderTls::Usual;
}

SiteTls::Shared SiteTls::policies_for(std::string const& domain, route::Route const& route,
                                      SiteSettings const& settings, TlsContext const& context,
                                      tls::SenderTls sender) {
  if (sender != tls::SenderTls::Usual)  // rare: made anew for each
    return std::make_shared<tls::Policies const>(
        policies_of(domain, route, settings, context, sender));
  // Routes of one answer share their facts and name the same hosts, in an order of their own.
  auto const known = known_.find(domain);
  if (known != known_.end() && route.security && known->second.facts == route.security)
    return known->second.policies;
  auto policies =
      std::make_shared<tls::Policies const>(policies_of(domain, route, settings, context));
  if (known_.size() >= most_known) known_.clear();
  known_[domain] = {route.security, policies};
  return policies;
}

void SiteTls::note_unproven(tls::Policy const& policy, site::EndpointName const& endpoint,
                            Outcome why, TimePoint now) {
  if (unproven_.size() >= most_fingerprints) unproven_.clear();
  unproven_[policy.fingerprint()].failed(endpoint, std::move(why), now);
}

void SiteTls::note_proven(tls::Policy const& policy, site::EndpointName const& endpoint) {
  if (unproven_.empty()) return;
  if (auto const found = unproven_.find(policy.fingerprint()); found != unproven_.end())
    found->second.succeeded(endpoint);
}

bool SiteTls::may_try(tls::Policy const& policy, site::EndpointName const& endpoint, TimePoint now,
                      TimePoint since) const {
  if (!policy.is_possible()) return false;
  if (unproven_.empty()) return true;
  auto const found = unproven_.find(policy.fingerprint());
  return found == unproven_.end() || (!found->second.is_backing_off(endpoint, now) &&
                                      !found->second.has_failed_since(endpoint, since));
}

site::EndpointHealth::Record const* SiteTls::failure_of(tls::Policy const& policy,
                                                        site::EndpointName const& endpoint) const {
  auto const found = unproven_.find(policy.fingerprint());
  return found == unproven_.end() ? nullptr : found->second.find(endpoint);
}

}  // namespace mailpool::delivery
