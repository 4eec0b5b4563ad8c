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
#include "core/delivery/login_use.h"
#include "core/pool/pool.h"
#include "core/route/router.h"
#include "core/site/endpoint_health.h"
#include "core/site/scope.h"
#include "core/site/source.h"
#include "core/site/wait.h"
#include "core/smtp/transaction.h"

namespace mailpool::delivery {

class Delivery;
class Site;

/// When what happened, for delay= and delays= in the log.
struct Timing {
  TimePoint accepted{};
  TimePoint routed{};     ///< its hosts were known; before, their domain's route was asked for
  TimePoint started{};    ///< MAIL was written; equals `accepted` while it was not
  Duration connecting{};  ///< of the waiting: for a connection that was being opened

  // What lies before MAIL, in three parts.
  [[nodiscard]] Duration dns() const { return routed - accepted; }
  [[nodiscard]] Duration connection() const {
    return std::clamp(connecting, Duration::zero(), std::max(started - routed, Duration::zero()));
  }
  /// For its turn.
  [[nodiscard]] Duration wait() const { return started - accepted - dns() - connection(); }
};

enum class TransactionState : std::uint8_t { Waiting, Sending, Over };

struct Transaction {
  Delivery* delivery = nullptr;
  std::string domain;
  std::string sender_domain;            ///< "" for a bounce
  std::string tenant;                   ///< "" for nobody's
  std::string campaign;                 ///< "" for none
  std::vector<std::size_t> recipients;  ///< indices in the envelope; no two equal addresses
  std::shared_ptr<route::Route const> route;
  Site* site = nullptr;
  LoginUse login;
  tls::SenderTls sender_tls = tls::SenderTls::Usual;
  std::shared_ptr<tls::Policies const> tls;  ///< what it requires of the hosts of its route
  site::Levels levels;                       ///< whose limits it is under, beside its site's
  std::uint32_t priority = usual_priority;
  site::SourceGroup* sources = nullptr;  ///< null: the kernel chooses the local address
  site::Source* source = nullptr;        ///< the one of these that it is to leave from

  TransactionState state = TransactionState::Waiting;
  TimePoint wait_until{};  ///< then it is deferred for max_wait, unless a connection is on its way
  TimePoint connect_until{};  ///< then it is deferred even so
  TimePoint give_up_at{};     ///< everything before the commit point ends here
  TimePoint waits_since{};    ///< told to wait in the MTA's queue for the first time, or accepted
  bool was_woken = false;     ///< it comes because it was called back
  bool is_parked = false;     ///< it goes back to the MTA's queue, to be called back
  std::string rule;           ///< FILE:LINE of the rule that its reply set off
  site::Wait wait;            ///< what it waits for
  TimePoint connecting_since{};     ///< while that is a connection on its way
  TimePoint seeking_since = never;  ///< since when it lacks nothing but a connection
  Timing timing;

  // Retries (at most one on a fresh connection; each host at most once for what it lacks).
  bool needs_fresh = false;
  bool fresh_is_used_up = false;
  std::optional<site::EndpointName> preferred;  ///< where the fresh connection is opened first
  std::vector<std::string> unfit_hosts;         ///< lack something that this message needs
  std::vector<Outcome> otherwise;  ///< what to answer, per recipient, if the retry cannot be had

  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(recipients.size()); }
  /// Writes the recipients, and what is wanted to be told of them, on the wire's side.
  void address(Envelope const& envelope) {
    wire.recipients.clear();
    wire.notices.clear();
    for (auto i : recipients) {
      auto const& recipient = envelope.recipients[i];
      wire.recipients.emplace_back(recipient.address);
      wire.notices.push_back({recipient.notify, recipient.original});
    }
  }
  [[nodiscard]] bool is_unfit(std::string const& host) const {
    return std::find(unfit_hosts.begin(), unfit_hosts.end(), host) != unfit_hosts.end();
  }

  // While sending.
  smtp::Transaction wire;
  pool::Lease lease;
  site::Permits permits;
};

}  // namespace mailpool::delivery
