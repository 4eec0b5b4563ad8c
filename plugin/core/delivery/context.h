#pragma once
// What the parts of delivery share: the interfaces they call, the settings they follow, the totals
// they count.

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/base/stage_times.h"
#include "core/config/settings.h"
#include "core/delivery/campaigns.h"
#include "core/delivery/counters.h"
#include "core/delivery/domain_tally.h"
#include "core/delivery/logins.h"
#include "core/delivery/network.h"
#include "core/delivery/remembered.h"
#include "core/delivery/scopes.h"
#include "core/delivery/tls_context.h"
#include "core/events/recorder.h"
#include "core/parking/parking.h"
#include "core/pool/connection.h"
#include "core/replies/classifier.h"
#include "core/route/router.h"
#include "core/site/wait.h"
#include "core/state/store.h"

namespace mailpool::rules {
class Book;
}

namespace mailpool::delivery {

class Delivery;
class Site;

class Context {
 public:
  Context(Network& the_network, route::Random& the_random, Log& the_log, Clock const& the_clock,
          state::Store& the_store)
      : network(the_network),
        random(the_random),
        log(the_log),
        clock(the_clock),
        store(the_store),
        tls(the_store) {}

  Network& network;
  route::Random& random;
  Log& log;
  Clock const& clock;
  state::Store& store;  ///< what survives a restart

  std::string hostname;
  Duration max_wait{};
  Counters totals;
  StageTimes times;  ///< of all sites
  ActedRules rules_acted;
  DomainTally domains;
  TlsContext tls;
  Scopes scopes;
  Campaigns campaigns;
  Logins logins;
  parking::Parking parking;  ///< what waits in the MTA's queue
  events::Recorder events;   ///< who wants to know what happens (telling.h)

  /// The site has something to decide in this turn.
  void wants_a_turn(Site& site) { sites_with_work.push_back(&site); }
  /// Something of the scope's limits was used.
  void note_use(site::Scope& scope) {
    if (scope.keeps_use()) used.insert(&scope);
  }
  /// A connection that may still be inside one of its own calls: it dies at the end of the turn.
  void bury(std::unique_ptr<pool::Connection> connection) {
    buried.push_back(std::move(connection));
  }
  /// The day by UTC.
  [[nodiscard]] site::Today today(TimePoint now) const {
    return site::today_of(clock.wall(now), now);
  }
  [[nodiscard]] std::uint64_t next_connection_id() { return ++last_connection_id; }
  /// No socket could be made. Nothing is opened for a second, and idle connections make room where
  /// mail waits; said in the log once a minute.
  void rest_for_sockets(std::string const& why, bool mail_waits, TimePoint now);

  /// What replies mean; never null.
  std::shared_ptr<replies::Classifier const> replies = std::make_shared<replies::Classifier>();
  rules::Book const* rules = nullptr;  ///< kept by the dispatcher
  Remembered remembered;
  /// By a rule of the domain; carried out at the end of the turn.
  std::vector<std::pair<std::string, site::Suspension>> domains_to_suspend;
  /// By a rule, at all sites; likewise.
  std::vector<std::pair<site::Source*, site::Suspension>> sources_to_suspend;
  std::vector<Site*> sites_with_work;
  std::vector<std::unique_ptr<pool::Connection>> buried;
  std::vector<Site*> counted;   ///< their counts changed and the store does not know yet
  std::set<site::Scope*> used;  ///< likewise, of their rates by the minute, the hour and the day
  std::vector<Delivery*> over;  ///< every recipient is answered
  std::uint64_t last_connection_id = 0;
  std::size_t connections_open = 0;
  TimePoint no_socket_before{};    ///< until then nothing is opened: no socket can be made
  std::string why_no_socket;       ///< in words
  TimePoint shortage_logged_at{};  ///< when that was last said in the log
  std::optional<site::Suspension> all_suspended;  ///< by an operator; perhaps in the past
  /// What holds all mail, or null.
  [[nodiscard]] site::Suspension const* holds_all(TimePoint now) const {
    return all_suspended && now < all_suspended->until ? &*all_suspended : nullptr;
  }
  /// No connection is kept: each says QUIT when its transaction is over.
  bool is_draining = false;
};

}  // namespace mailpool::delivery
