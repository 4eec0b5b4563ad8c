#pragma once
// DNS for routing: libunbound, asynchronous, caching and validating, on our own event loop.

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/config/settings.h"
#include "core/route/dns_wire.h"
#include "core/route/resolver.h"
#include "manager/loop.h"
#include "manager/unbound_context.h"

namespace mailpool::manager {

/// Every question ends within [dns] timeout. DNS alone is asked: /etc/hosts is not, neither for MX
/// hosts nor for [route] (write an address there; "localhost" is known to libunbound).
///
/// DNSSEC must not stop mail: before the first question ". DNSKEY" is asked with the trust anchor,
/// and where that does not validate (no anchor file, a forwarder that strips signatures),
/// validation is off, with a warning; it is tried again every `probe_again_after`. Questions wait
/// for the first probe, five seconds at most.
class UnboundResolver final : public route::Resolver {
 public:
  /// References must outlive it; questions must be dropped or answered before it is destroyed, or
  /// are never answered. Not to be destroyed by a listener.
  UnboundResolver(Loop& loop, Log& log, DnsSettings settings,
                  Duration probe_again_after = std::chrono::minutes(10));
  ~UnboundResolver() override;
  UnboundResolver(UnboundResolver const&) = delete;
  UnboundResolver& operator=(UnboundResolver const&) = delete;

  std::unique_ptr<route::Question> mx(std::string const& domain,
                                      route::MxListener& listener) override;
  std::unique_ptr<route::Question> addresses(std::string const& host, IpAddress::Family family,
                                             route::AddressListener& listener) override;
  std::unique_ptr<route::Question> records(std::string const& name, std::uint16_t type,
                                           route::RecordListener& listener) override;

  /// Starts over with new settings and what /etc/resolv.conf says now; the cache is emptied.
  /// Questions under way end as they began.
  void reconfigure(DnsSettings settings);

  [[nodiscard]] bool is_validating() const { return is_validating_; }
  /// For `status` and `check`: "on", "being tried", "off: REASON".
  [[nodiscard]] std::string const& validation() const { return validation_; }

 private:
  class Asked;
  class AskedMx;
  class AskedAddresses;
  class AskedRecords;
  class Probe;

  [[nodiscard]] std::unique_ptr<route::Question> begin(std::unique_ptr<Asked> asked);
  void send(Asked& asked, UnboundContext& context);
  void start();
  void start_probe();
  void on_probe(bool is_secure, std::string const& why);
  void use(std::unique_ptr<UnboundContext> context);
  void go_without_validation(std::string const& why);
  void retire(std::unique_ptr<UnboundContext> context);
  void sweep();
  static void on_sweep(evutil_socket_t, short, void* self);
  static void on_probe_time(evutil_socket_t, short, void* self);

  Loop& loop_;
  Log& log_;
  DnsSettings settings_;
  Duration const probe_again_after_;
  std::unique_ptr<UnboundContext> active_;  ///< null while the first probe is under way
  std::unique_ptr<UnboundContext> probing_;
  std::vector<std::unique_ptr<UnboundContext>>
      retired_;  ///< deleted once their questions have ended, outside their callbacks
  std::unique_ptr<Asked> probe_;
  std::list<Asked*> held_;     ///< wait for the first probe
  std::list<Asked*> pending_;  ///< asked of a context
  EventPtr sweep_event_;
  EventPtr probe_event_;
  bool is_validating_ = false;
  std::string validation_ = "being tried";
};

}  // namespace mailpool::manager
