#pragma once
// MTA-STS policies (RFC 8461): announced by DNS, fetched by HTTPS, kept until their max_age ends.

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/log.h"
#include "core/config/settings.h"
#include "core/delivery/network.h"
#include "core/route/resolver.h"
#include "core/route/sts_source.h"
#include "core/state/store.h"
#include "core/tls/reports.h"
#include "manager/https_fetcher.h"

namespace mailpool::manager {

inline constexpr std::size_t most_sts_policies = 50'000;

/// Each question costs a TXT lookup, which libunbound caches; a policy is fetched when none is
/// known, when the id has changed, or when the end of the known one is near. A failure leaves the
/// known one in force: mail is never less protected than it was (RFC 8461 5.1).
class MtaSts final : public route::StsSource {
 public:
  /// References must outlive it; questions must be dropped or answered before.
  MtaSts(Loop& loop, route::Resolver& resolver, state::Store& store, Log& log);
  ~MtaSts() override;

  std::unique_ptr<route::Question> find(std::string const& domain,
                                        route::StsListener& listener) override;

  struct Settings {
    MtaStsSettings options;
    std::vector<IpNetwork> prohibited;
    std::vector<IpAddress> own;
    X509_STORE* trust = nullptr;
    std::shared_ptr<void const> keeps_trust;  ///< what `trust` belongs to
  };
  void reconfigure(Settings settings) { settings_ = std::move(settings); }
  /// Where failed fetches are counted.
  void set_reports(tls::Reports* reports) { reports_ = reports; }
  [[nodiscard]] std::size_t known() const { return known_.size(); }

 private:
  class Lookup;
  struct Known {
    tls::StsPolicy policy;
    WallTime expires{};
  };

  [[nodiscard]] Known const* in_force(std::string const& domain) const;
  void keep(std::string const& domain, tls::StsPolicy const& policy);
  void note_failure(std::string const& domain, tls::Failure failure, std::string const& why);
  void note_shortage(std::string const& domain, std::string const& why);
  [[nodiscard]] WallTime wall() const;

  Loop& loop_;
  route::Resolver& resolver_;
  state::Store& store_;
  Log& log_;
  HttpsFetcher fetcher_;
  Settings settings_;
  tls::Reports* reports_ = nullptr;
  std::unordered_map<std::string, Known> known_;
  std::unordered_map<std::string, TimePoint> failed_;  ///< not fetched again before
};

/// As it is kept; nothing if it cannot be read.
[[nodiscard]] std::string written(tls::StsPolicy const& policy);
[[nodiscard]] std::optional<tls::StsPolicy> read_policy(std::string_view text);

}  // namespace mailpool::manager
