#pragma once
// From a recipient domain to the hosts that take its mail, in the order to try them (RFC 5321 5.1,
// RFC 7505).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ip.h"
#include "core/base/time.h"
#include "core/config/settings.h"
#include "core/message/outcome.h"
#include "core/route/resolver.h"
#include "core/tls/policy.h"

namespace mailpool::route {

/// One address of one MX host: what a connection attempt aims at.
struct Target {
  std::string host;  ///< MX host name (lower case, no final dot), or the address literal's text
  IpAddress address;
  std::uint16_t port = 25;
  std::uint16_t preference = 0;  ///< of the MX record; its place in the list for [route], whose
                                 ///< hosts are tried as written; 0 for implicit MX
  bool may_be_local = false;  ///< named in [route]: loopback, private and own addresses are meant
  std::string site = {};      ///< the named site that the host belongs to, where it is not the
                              ///< route's own (mixed and backup MX); else ""
  bool operator==(Target const&) const = default;
};

/// An answer for one domain. Shared by its transactions; asked for again after `expires`.
struct Route {
  std::string site;  ///< the name of its site: a named one, or one made of its MX hosts (the same
                     ///< for all domains with the same MX hosts)
  bool is_named_site = false;
  std::string why_this_site;       ///< for `explain`: "mx matches .google.com", "domains of
                                   ///< [site.google]", "[route]", "its MX hosts"
  std::vector<std::string> hosts;  ///< MX host names, most preferred first, for `explain`
  std::vector<Target> targets;     ///< in the order to try; never empty; caps and the site's `ip`
                                   ///< option are applied, prohibited addresses left out
  TimePoint expires{};
  /// What DNS and MTA-STS say of its security; null in a route that nobody asked DNS for.
  std::shared_ptr<tls::RouteFacts const> security;
};

/// Who asked for a route.
class RouteListener {
 public:
  virtual ~RouteListener() = default;
  virtual void on_route(std::shared_ptr<Route const> route) = 0;
  /// No way to this domain: what every recipient there is answered.
  virtual void on_no_route(Outcome outcome) = 0;
};

class StsSource;

/// Random numbers as an argument: shuffling equal preferences is reproducible in tests.
class Random {
 public:
  virtual ~Random() = default;
  /// Uniform in [0, below); below > 0.
  virtual std::uint32_t number(std::uint32_t below) = 0;
};

/// Answers from a bounded cache where it can, else asks the resolver; questions for the same domain
/// are asked once. A search that nobody waits for any more is finished all the same: the MTA will
/// ask again.
class Router {
 public:
  /// References must outlive the router.
  /// Without `sts` no domain has an MTA-STS policy.
  Router(Settings const& settings, Resolver& resolver, Random& random, StsSource* sts = nullptr);
  ~Router();
  Router(Router const&) = delete;
  Router& operator=(Router const&) = delete;

  /// The listener is called exactly once, perhaps before this returns, unless the returned question
  /// is dropped first (null when already answered). The listener may ask again, drop other
  /// questions or destroy the router. `domain` is canonical. Each call gets a route whose equal
  /// preferences are shuffled anew (cached answers too); which addresses it names stays the same
  /// for as long as DNS says the same, so that pooled connections fit.
  [[nodiscard]] std::unique_ptr<Question> find(std::string const& domain, RouteListener& listener,
                                               TimePoint now);

  /// New settings: cached routes are forgotten, since sites and routes may have changed; searches
  /// under way begin anew once they end. The old settings are not used any more.
  void reconfigure(Settings const& settings);
  /// The addresses of this machine's interfaces, loopback left out (that is a matter of
  /// `prohibited`): a domain whose best MX is one of them loops back.
  void set_own_addresses(std::vector<IpAddress> own);
  [[nodiscard]] std::size_t cached() const;
  /// When what is known of the domain is asked for again; nothing where it will be with the next
  /// message.
  [[nodiscard]] std::optional<TimePoint> expires(std::string const& domain, TimePoint now) const;

 private:
  class Book;
  std::unique_ptr<Book> book_;
};

/// Whether mailpool may connect to `address` when it came from MX (prohibited, v4-mapped forms
/// too). Own addresses are passed by the manager.
[[nodiscard]] bool is_prohibited(IpAddress const& address, std::vector<IpNetwork> const& prohibited,
                                 std::vector<IpAddress> const& own);

}  // namespace mailpool::route
