#pragma once
// Where messages come in and sites are found: the one object that holds all of delivery together.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/config/settings.h"
#include "core/delivery/context.h"
#include "core/delivery/delivery.h"
#include "core/delivery/known_domains.h"
#include "core/delivery/site.h"
#include "core/delivery/tenant_finder.h"
#include "core/site/rate_record.h"

namespace mailpool::delivery {

/// Sites are bounded too: the least recently used one where nothing is open, waits or is
/// held back makes room for a new one.
inline constexpr std::size_t most_sites = 32768;

class Dispatcher final : private TransactionSink {
 public:
  /// References must outlive the dispatcher. `settings` is copied.
  Dispatcher(Settings const& settings, route::Router& router, Context& context);
  ~Dispatcher() override;
  Dispatcher(Dispatcher const&) = delete;
  Dispatcher& operator=(Dispatcher const&) = delete;

  /// The listener is called once for each recipient, perhaps before this returns, and never after
  /// release(). The delivery stays valid until its last recipient was answered and the turn is
  /// over.
  Delivery* submit(Message message, DeliveryListener& listener, TimePoint now);
  /// The client is gone: whatever is not committed is dropped; the listener is not called any more.
  void release(Delivery& delivery, TimePoint now);

  /// Decides all that can be decided; call at the end of each turn of the loop until has_work() is
  /// false, and when deadline() has passed.
  void run(TimePoint now);
  [[nodiscard]] bool has_work() const { return !context_.sites_with_work.empty(); }
  [[nodiscard]] TimePoint deadline() const;
  /// Destroys what ended in this turn. Call when no connection is inside one of its calls.
  void sweep();

  // The operator's hand (dispatcher_suspensions.cc). False: no such site.
  /// One that has had no mail yet is made where its name could be that of an MX host.
  bool suspend_site(std::string const& name, site::Suspension suspension, TimePoint now);
  /// Also what is held back of its mail.
  bool resume_site(std::string const& name, TimePoint now);
  /// Of a site's mail that of "sender_domain example.org" or "source west".
  bool suspend_scope(std::string const& site, std::string const& scope, site::Suspension suspension,
                     TimePoint now);
  /// False where it is not held back.
  bool resume_scope(std::string const& site, std::string const& scope, TimePoint now);
  void suspend_domain(std::string const& domain, site::Suspension suspension, TimePoint now);
  bool resume_domain(std::string const& domain, TimePoint now);
  /// Also one that has no section of its own.
  void suspend_tenant(std::string const& name, site::Suspension suspension, TimePoint now);
  bool resume_tenant(std::string const& name, TimePoint now);
  /// A source, to all sites.
  bool suspend_source(std::string const& name, site::Suspension suspension, TimePoint now);
  bool resume_source(std::string const& name, TimePoint now);
  /// A campaign's mail, to all sites. False: too many are suspended.
  bool suspend_campaign(std::string const& name, site::Suspension suspension, TimePoint now);
  bool resume_campaign(std::string const& name, TimePoint now);
  /// What was used of rates at "source west", "sender_domain example.org" or "total" is forgotten;
  /// false: nobody of that name has limits.
  bool resume_level(std::string const& scope, TimePoint now);
  /// Whatever its domain: recipients are answered before anything is asked of DNS.
  void suspend_all(site::Suspension suspension, TimePoint now);
  bool resume_all(TimePoint now);
  bool flush(std::string const& name, std::string_view reason, TimePoint now);

  // What survives a restart (dispatcher_state.cc).
  /// Takes over what the store kept: once, before the first message. Returns how many suspensions
  /// are in force.
  std::size_t restore(TimePoint now);
  /// Tells the store of counts that changed, of at most `most` sites.
  void keep_counts(std::size_t most);
  /// The wall clock was set: when suspensions end must be told anew.
  void keep_suspensions(TimePoint now);

  /// New messages and waiting transactions are deferred, running ones finish, idle connections say
  /// QUIT.
  void drain(TimePoint now);
  void undrain(TimePoint now);
  /// Before the commit point: 451; after it nothing can be done.
  void stop(TimePoint now);
  void reconfigure(Settings const& settings, TimePoint now);
  /// The keys that the milter's seals are opened with; none: no seal is believed.
  void set_seal_keys(std::optional<SealKeys> keys) { tenants_.set_keys(std::move(keys)); }
  /// A login has got its secret, or another one.
  void logins_changed(TimePoint now);

  // What waits in the MTA's queue (dispatcher_parking.cc).
  /// A message was told to wait before this manager began; where for is found out by one of its
  /// domain. False: there is no room for more.
  bool relearn(std::string_view queue_id, std::uint8_t queue, std::string const& recipient,
               parking::Why why, Duration age, TimePoint now);
  /// What all mail was told to wait for may be over, or it can be woken now.
  void try_parked(TimePoint now);

  // For status.
  /// What holds all mail, or null.
  [[nodiscard]] site::Suspension const* all_suspended(TimePoint now) const {
    return context_.holds_all(now);
  }
  [[nodiscard]] bool is_draining() const { return context_.is_draining; }
  [[nodiscard]] std::size_t in_flight() const;  ///< transactions on a connection
  [[nodiscard]] std::size_t waiting() const;    ///< transactions that wait
  [[nodiscard]] std::size_t deliveries() const { return deliveries_.size(); }
  [[nodiscard]] Context const& context() const { return context_; }
  [[nodiscard]] std::map<std::string, std::unique_ptr<Site>, std::less<>> const& sites() const {
    return sites_;
  }
  /// Those where something is open, waits, backs off or is held back, as of the last run(). However
  /// many sites there are, these are few: they bound what a look at all of delivery costs.
  [[nodiscard]] std::set<Site const*> const& busy_sites() const { return busy_; }
  /// Those that are suspended, and perhaps some whose suspension has ended.
  [[nodiscard]] std::set<std::string> const& suspended_domains() const {
    return suspended_domains_;
  }
  [[nodiscard]] Site const* find_site(std::string_view name) const;
  /// Somebody looks at how long its deliveries take: it does not forget that when it rests.
  void keep_times_of(std::string_view site);
  /// The site that a domain was last seen at.
  [[nodiscard]] Site const* site_of_domain(std::string const& domain) const;
  [[nodiscard]] site::Scope const* limits_of(std::string const& domain) const;
  [[nodiscard]] std::map<std::string, site::Scope> const& domain_limits() const { return limits_; }
  [[nodiscard]] Scopes const& scopes() const { return context_.scopes; }
  /// Why a transaction is answered at once: mailpool is draining, or an operator has suspended its
  /// domain or tenant.
  [[nodiscard]] std::optional<Refusal> refusal_of(Transaction const& transaction,
                                                  TimePoint now) const;
  /// A transaction to this domain, if its message had this sender and tenant; for `explain`. It has
  /// a site, made for it where there was none, and no delivery.
  [[nodiscard]] Transaction probe(std::string const& domain,
                                  std::shared_ptr<route::Route const> route,
                                  Envelope const& envelope);
  /// Settings that a site of this name has or would get.
  [[nodiscard]] SiteSettings const& settings_for(std::string const& site) const;
  [[nodiscard]] std::size_t domains_known() const { return known_.size(); }
  [[nodiscard]] KnownDomains const& known_domains() const { return known_; }
  /// For the map: calls back with each domain whose site was learned since the last call, and now
  /// and then with those that are still in use, so that the map does not forget them.
  template <class Visitor>
  void visit_learned(Visitor&& visitor) {
    known_.visit_learned(std::forward<Visitor>(visitor));
  }

 private:
  // TransactionSink
  void on_routed(Delivery& delivery, std::string const& domain, std::vector<std::size_t> recipients,
                 std::shared_ptr<route::Route const> route, TimePoint now) override;

  Site& site_for(route::Route const& route);
  Site& site_called(std::string const& name, bool is_named);
  void find_tenant(Envelope& envelope, TimePoint now);
  site::Scope& domain_scope(std::string const& domain);
  /// Whose limits the message's transactions to this domain of this site are under.
  void assign_levels(Transaction& transaction, Envelope const& envelope);
  [[nodiscard]] LoginUse login_for(std::string const& domain,
                                   std::string const& sender_domain) const;
  [[nodiscard]] std::string section_name(std::string const& site) const;
  [[nodiscard]] SiteSettings const& section_for(std::string const& site);
  Site& site_by_name(std::string const& name);
  void restore_periods(Site& site);
  void restore_use(TimePoint now);
  [[nodiscard]] site::Scope* find_scope(site::RateKey const& key);
  bool resume(std::string_view what, site::Scope& scope, TimePoint now);
  /// `what` is suspended: "domain", "tenant", "source" or "all".
  void keep_suspension(std::string_view what, std::string const& name, site::Suspension& suspension,
                       TimePoint now);
  void look_again_at_all(TimePoint now);
  /// What waits for a domain whose site is not known waits for that site now.
  void find_parked(Delivery const& delivery, std::string const& domain, Site& site, TimePoint now);
  void wake_domains(TimePoint now);
  void look_up_one(TimePoint now);
  void schedule(Site& site);
  void note_busy(Site& site);
  void forget_unused(TimePoint now);
  void make_room_for_a_site(TimePoint now);
  void forget(Site& site);
  Site* find(std::string const& name);

  Settings settings_;
  std::unique_ptr<rules::Book const> rules_;
  route::Router& router_;
  Context& context_;
  TenantFinder tenants_;
  std::map<std::string, site::Scope>
      limits_;  ///< only domains with limits or a suspension of their own
  /// The options of sites, by section, "" for those of [smtp]: shared by all sites of one.
  std::map<std::string, SiteSettings> sections_;
  std::map<std::string, std::unique_ptr<Site>, std::less<>> sites_;
  std::unordered_map<std::string_view, Site*> site_index_;  ///< keys are the sites' own names
  std::list<Site*> by_use_;                                 ///< most recently used first
  std::size_t left_to_ask_ = 0;  ///< of by_use_, in this round of forgetting
  std::set<Site const*> busy_;
  std::set<std::string> suspended_domains_;
  KnownDomains known_;
  std::list<std::unique_ptr<Delivery>> deliveries_;
  std::set<std::pair<TimePoint, Site*>> due_;  ///< when each site wants to be pumped next
  std::unordered_map<Site const*, TimePoint> scheduled_;  ///< the entry of each site in due_
  TimePoint next_forgetting_{};
  TimePoint next_domain_wakes_{};
  class LookUp;
  std::unique_ptr<LookUp> look_up_;  ///< of a domain that DNS gave no answer for, the last
  TimePoint next_look_up_{};
  std::string last_woken_;      ///< of lanes of domains, the last that was looked at
  std::string last_looked_up_;  ///< likewise, for a question to DNS
  /// Counts of sites that were not used yet since the start.
  std::unordered_map<std::string, site::PeriodCounts> restored_periods_;
};

}  // namespace mailpool::delivery
