#pragma once
// What is to become of a transaction that waits: the one answer that its site carries out, and that
// `explain` and the bench print.

#include <string_view>
#include <variant>

#include "core/delivery/fair_queue.h"
#include "core/delivery/smtp_connection.h"
#include "core/message/outcome.h"
#include "core/parking/register.h"
#include "core/route/router.h"
#include "core/site/source.h"
#include "core/site/wait.h"

namespace mailpool::delivery {

/// It starts on this idle connection.
struct Use {
  SmtpConnection* connection;
  route::Target const* probe = nullptr;  ///< a better host that failed: it is tried again beside it
};
/// This one was idle for so long that it is asked first whether it lives.
struct Check {
  SmtpConnection* connection;
};
/// A connection is opened for it.
struct Open {
  route::Target const* target;
};
/// Those on their way are late: another host or address is tried beside them.
struct Overtake {
  route::Target const* target;
};
/// One on its way is given up for a host that was not tried yet: max_connections are open.
struct GiveUp {
  SmtpConnection* late;
};
/// This idle one, which cannot carry it, is closed first: max_connections are open.
struct MakeRoom {
  SmtpConnection* leaving;
};
/// It stays where it is.
struct Stay {
  site::Wait wait;
  FairQueue::Verdict verdict;                 ///< who stays with it
  route::Target const* wants_room = nullptr;  ///< it waits for a permit to connect there
};
/// No host can take it now: Site::unreachable() has the words.
struct Impossible {};

/// Why a transaction is answered before it waits at all.
struct Refusal {
  Outcome outcome;
  std::string_view because;  ///< "draining", "suspended", "max_waiting", "slots", a limit
  TimePoint until = never;
};
/// What such a transaction waits for in the MTA's queue.
[[nodiscard]] inline parking::Why why_of(Refusal const& refusal) {
  if (refusal.because == "draining") return parking::Why::Draining;
  if (refusal.because == "backing_off") return parking::Why::BackingOff;
  return refusal.because == "suspended" ? parking::Why::Suspended : parking::Why::Limit;
}

struct Decision {
  std::variant<Use, Check, Open, Overtake, GiveUp, MakeRoom, Stay, Impossible> what;
  site::Source* source = nullptr;  ///< from where it goes, or would
  bool lacks_connection = false;   ///< nothing else holds it back: it counts as backlog
  bool needs_login = false;        ///< a connection is wanted, and a login for it
};

}  // namespace mailpool::delivery
