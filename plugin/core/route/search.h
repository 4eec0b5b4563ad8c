#pragma once
// The questions that one domain costs: MX; then the addresses of its hosts, all at once; then,
// where the level of TLS asks for it, their TLSA records and the domain's MTA-STS policy.

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/config/settings.h"
#include "core/route/host.h"
#include "core/route/known.h"
#include "core/route/resolver.h"
#include "core/route/router.h"
#include "core/route/selection.h"
#include "core/route/site_directory.h"
#include "core/route/sts_source.h"
#include "core/route/tlsa_search.h"
#include "core/route/usable_hosts.h"

namespace mailpool::route {

/// What a search works with; replaced as a whole when settings change.
struct Surroundings {
  Settings const* settings;
  SiteDirectory const* sites;
  std::vector<IpAddress> const* own;
  Resolver* resolver;
  StsSource* sts;  ///< or null
  Salt salt;
};

class Search;

/// One caller of Router::find; unregisters itself when dropped.
class Waiter final : public Question {
 public:
  Waiter(Search& search, RouteListener& listener);
  ~Waiter() override;
  Waiter(Waiter const&) = delete;
  Waiter& operator=(Waiter const&) = delete;
  [[nodiscard]] bool is_answered() const { return search_ == nullptr; }

 private:
  friend class Search;
  Search* search_;
  RouteListener& listener_;
};

/// Told once by a search, as the last thing that it does; may destroy it.
class SearchEvents {
 public:
  virtual ~SearchEvents() = default;
  virtual void on_found(Search& search) = 0;
};

class Search final : public MxListener, private StsListener {
 public:
  Search(std::string domain, TimePoint asked, SearchEvents& events);
  ~Search() override;
  Search(Search const&) = delete;
  Search& operator=(Search const&) = delete;

  /// Begins, or begins anew. on_found may be called before it returns.
  void start(Surroundings const& around);
  /// What was found, once: valid in on_found.
  [[nodiscard]] Known take_known();
  /// Calls each waiter once; they may drop each other meanwhile.
  void answer(Known const& known, Random& random);
  [[nodiscard]] std::string const& domain() const { return domain_; }

  void on_mx(MxAnswer answer) override;

 private:
  friend class Waiter;
  struct Lookup;  // one host and family
  struct Tlsa;    // one host

  void settle_site(SiteChoice site);
  void begin_with(std::vector<Host> hosts, Origin origin);
  void take_mx();
  void look_up_addresses();
  void ask(std::size_t host, IpAddress::Family family);
  void on_addresses(std::size_t host, AddressAnswer const& answer);
  void take_addresses();
  void look_up_security();
  void on_tlsa(tls::HostFacts facts, Duration ttl);
  void on_sts(tls::StsPolicy policy) override;
  void finish_found();
  void refuse(Outcome outcome);
  void finish(Known known);

  std::string const domain_;
  TimePoint const asked_;  ///< lifetimes count from here, so that nothing outlives its TTL
  SearchEvents& events_;
  Surroundings around_{};

  std::unique_ptr<Question> mx_question_;
  std::optional<MxAnswer> mx_answer_;
  bool is_asking_ = false;  ///< inside a call of the resolver: an answer is only noted
  std::list<Lookup> lookups_;
  std::size_t unanswered_ = 0;

  Origin origin_;
  SiteChoice site_;  ///< its settings are not kept: they may go while answers are awaited
  IpPreference ip_ = IpPreference::Any;
  TlsLevel tls_ = TlsLevel::May;  ///< of the domain, else of the site
  std::vector<IpNetwork> prohibited_;
  std::vector<Host> hosts_;
  std::vector<std::string> host_names_;  ///< before those without usable addresses were left out
  std::list<Tlsa> tlsa_;
  std::unique_ptr<Question> sts_question_;
  tls::RouteFacts security_;
  Duration ttl_{};
  std::optional<Known> known_;
  std::list<Waiter*> waiters_;
};

/// Calls the listener, who may make `known` go away meanwhile.
void tell(Known const& known, RouteListener& listener, Random& random);

}  // namespace mailpool::route
