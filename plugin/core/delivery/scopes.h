#pragma once
// The limits that sites share: of all together, of sources, sender domains and tenants, of hosts;
// and the idle connections that can make room under them.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/config/settings.h"
#include "core/delivery/counters.h"
#include "core/site/scope.h"
#include "core/site/source.h"

namespace mailpool::delivery {

class SmtpConnection;

/// One [tenant.NAME], or one that an operator suspended.
struct Tenant : OutcomeCounts {
  explicit Tenant(std::string name) : scope(site::Level::Tenant, std::move(name)) {}
  site::Scope scope;
  std::uint32_t priority = usual_priority;
  site::SourceGroup* sources = nullptr;
  bool is_configured = false;
};

/// One [sender_domain."x"].
struct SenderDomain {
  explicit SenderDomain(std::string name) : scope(site::Level::SenderDomain, std::move(name)) {}
  site::Scope scope;
  site::SourceGroup* sources = nullptr;
};

/// What a connection holds for as long as it is open.
struct ConnectionPermits {
  site::Permit total;
  site::Permit all_paths;
  site::Permit path;
  site::Permit source;
  site::Permit host;
  // Of the site that the host belongs to, where that is another (site_homes.cc).
  site::Permit home_path;
  site::Permit home_all_paths;

  template <class Visitor>
  void visit(Visitor&& visitor) {
    for (auto* permit : {&total, &all_paths, &path, &source, &host, &home_path, &home_all_paths})
      visitor(*permit);
  }
  template <class Visitor>
  void visit(Visitor&& visitor) const {
    for (auto const* permit :
         {&total, &all_paths, &path, &source, &host, &home_path, &home_all_paths})
      visitor(*permit);
  }
};

/// Nothing is ever removed but hosts, so pointers stay good while transactions and connections have
/// them; what the settings name no more has no limits.
class Scopes {
 public:
  void reconfigure(Settings const& settings, TimePoint now);

  [[nodiscard]] site::Scope& total() { return total_; }
  [[nodiscard]] site::Scope const& total() const { return total_; }
  /// Null: nobody of that name.
  [[nodiscard]] Tenant* find_tenant(std::string const& name) const;
  /// Of a sender domain; null: nobody's.
  [[nodiscard]] Tenant* tenant_of(std::string const& sender_domain) const;
  [[nodiscard]] Tenant& tenant(std::string const& name);
  [[nodiscard]] SenderDomain* find_sender_domain(std::string const& domain) const;
  [[nodiscard]] site::Source* find_source(std::string const& name) const;
  /// The group that an option `source` names; null for "".
  [[nodiscard]] site::SourceGroup* find_group(std::string const& name) const;
  [[nodiscard]] std::map<std::string, std::unique_ptr<Tenant>> const& tenants() const {
    return tenants_;
  }
  [[nodiscard]] std::map<std::string, std::unique_ptr<site::Source>> const& sources() const {
    return sources_;
  }

  /// Connections to one address and port, whatever site they belong to.
  [[nodiscard]] site::ConcurrencyLimit& host(IpAddress const& address, std::uint16_t port);
  /// The last connection there is closed, perhaps: to be looked at in forget_unused_hosts().
  void host_may_be_unused(IpAddress const& address, std::uint16_t port) {
    perhaps_unused_.emplace_back(address, port);
  }
  /// At the end of a turn, when no site has been told of room that it has not looked at.
  void forget_unused_hosts();
  [[nodiscard]] std::uint32_t open_to(IpAddress const& address, std::uint16_t port) const;

  /// Asks the spare connection that is idle for longest to leave, if more wait for room under the
  /// limit than leave already.
  void make_room(site::ConcurrencyLimit const& limit, TimePoint now);
  /// Asks a quarter of the spare idle connections to leave, one at least; how many that are.
  std::size_t give_up_idle(TimePoint now);
  /// All idle connections, the one that is idle for longest first. They enter and leave by
  /// themselves.
  std::list<SmtpConnection*> idle;

 private:
  using Host = std::pair<IpAddress, std::uint16_t>;

  void reconfigure_sources(Settings const& settings, TimePoint now);

  site::Scope total_{site::Level::Total, ""};
  std::map<std::string, std::unique_ptr<site::Source>> sources_;
  std::map<std::string, std::unique_ptr<site::SourceGroup>> groups_;  ///< pools and single sources
  std::map<std::string, std::unique_ptr<Tenant>> tenants_;
  std::unordered_map<std::string, std::unique_ptr<SenderDomain>> sender_domains_;
  std::unordered_map<std::string, Tenant*> tenant_of_;
  std::map<Host, site::ConcurrencyLimit> hosts_;
  std::vector<Host> perhaps_unused_;
  /// Stands in no line: whoever does is another.
  struct Nobody final : site::RoomWaiter {
    void on_room(site::ConcurrencyLimit&) override {}
  } nobody_;
};

}  // namespace mailpool::delivery
