#pragma once
// One message on its way to recipients of one domain: what waits at a site, and what a connection
// is leased for.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/pool/pool.h"
#include "core/route/router.h"
#include "core/site/concurrency_limit.h"
#include "core/site/endpoint_health.h"
#include "core/site/rate_limit.h"
#include "core/site/wait.h"
#include "core/smtp/transaction.h"

namespace mailpool::delivery {

class Delivery;
class Site;

/// Limits of one domain of the configuration, below those of its site.
struct DomainLimits {
  site::ConcurrencyLimit connections;
  site::RateLimit rate;
  std::optional<site::Suspension> suspension;
};

/// When what happened, for delay= and delays= in the log.
struct Timing {
  TimePoint accepted{};
  TimePoint started{};    ///< MAIL was written; equals `accepted` while it was not
  Duration connecting{};  ///< of the waiting: for a connection that was being opened
};

enum class TransactionState : std::uint8_t { Waiting, Sending, Over };

struct Transaction {
  Delivery* delivery = nullptr;
  std::string domain;
  std::vector<std::size_t> recipients;  ///< indices in the envelope; no two equal addresses
  std::shared_ptr<route::Route const> route;
  Site* site = nullptr;
  std::shared_ptr<tls::Policies const> tls;  ///< what it requires of the hosts of its route
  DomainLimits* limits = nullptr;            ///< null: the domain has none of its own

  TransactionState state = TransactionState::Waiting;
  TimePoint wait_until{};  ///< then it is deferred for max_wait
  TimePoint give_up_at{};  ///< everything before the commit point ends here
  site::Wait wait;         ///< what it waits for
  Timing timing;

  // Retries (at most one on a fresh connection; each host at most once for what it lacks).
  bool needs_fresh = false;
  bool fresh_is_used_up = false;
  std::optional<site::EndpointName> preferred;  ///< where the fresh connection is opened first
  std::vector<std::string> unfit_hosts;         ///< lack something that this message needs
  std::vector<Outcome> otherwise;  ///< what to answer, per recipient, if the retry cannot be had

  // While sending.
  [[nodiscard]] bool is_unfit(std::string const& host) const {
    return std::find(unfit_hosts.begin(), unfit_hosts.end(), host) != unfit_hosts.end();
  }

  smtp::Transaction wire;
  pool::Lease lease;
  site::Permit domain_permit;
};

}  // namespace mailpool::delivery
