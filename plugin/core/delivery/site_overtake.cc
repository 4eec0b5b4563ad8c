// What becomes of transactions whose connections are late: the next address or host is tried beside
// them, as soon as those on their way have had their time (RFC 8305 4, RFC 5321 5.1).

#include <fmt/format.h>

#include <algorithm>

#include "core/delivery/reuse.h"
#include "core/delivery/site.h"

namespace mailpool::delivery {

using pool::ConnectionState;
using site::Limit;
using Verdict = FairQueue::Verdict;

namespace {

// An address that was not connected to by then gets company by another that is as good: longer than
// most round trips, shorter than TCP's first repetition (RFC 8305 5, RFC 6298 2).
constexpr Duration address_head_start = std::chrono::milliseconds(500);
// A host that failed when it was tried last is not waited for much longer.
constexpr Duration probe_head_start = std::chrono::seconds(2);

SmtpConnection& connection_of(std::unique_ptr<pool::Connection> const& c) {
  return static_cast<SmtpConnection&>(*c);
}

}  // namespace

bool Site::is_being_tried(Path const& path, site::EndpointName const& endpoint) const {
  auto const& coming = pool_.in(ConnectionState::Connecting);
  return std::any_of(coming.begin(), coming.end(), [&](auto const& c) {
    auto const& connection = connection_of(c);
    return connection.endpoint() == endpoint && &path_of(connection) == &path;
  });
}

bool Site::is_overtaken(Path const& path, site::EndpointName const& endpoint) const {
  auto const& coming = pool_.in(ConnectionState::Connecting);
  return std::any_of(coming.begin(), coming.end(), [&](auto const& c) {
    auto const& connection = connection_of(c);
    return connection.is_overtaken() && connection.endpoint() == endpoint &&
           &path_of(connection) == &path;
  });
}

Decision Site::wait_or_overtake(Seeker const& seeker, TimePoint now) const {
  auto look_again = never;
  for (auto const& next : seeker.transaction.route->targets) {
    if (!may_be_tried(next, seeker, now) || is_being_tried(seeker.path, endpoint_of(next)))
      continue;
    // Opened, it could not be used: another would be, and another.
    auto const wait = home_may_begin(next, seeker.source, seeker.transaction.size(), now);
    if (!wait.is_over()) {
      look_again = std::min(look_again, wait.not_before);
      continue;
    }
    auto const from = overtaken_from(next, seeker, now);
    if (from <= now) return overtake_with(next, seeker, now);
    look_again = std::min(look_again, from);
  }
  return {Stay{{look_again, Limit::Connecting}, Verdict::Keep}};
}

// When the last of those that are on their way will have had its time.
TimePoint Site::overtaken_from(route::Target const& next, Seeker const& seeker,
                               TimePoint now) const {
  TimePoint from{};
  for (auto const& c : pool_.in(ConnectionState::Checking))
    if (can_serve(connection_of(c), seeker, now)) return never;  // it is known in no time
  for (auto const& c : pool_.in(ConnectionState::Connecting)) {
    auto const& coming = connection_of(c);
    if (!can_serve(coming, seeker, now)) continue;
    auto const* const named = still_named(coming.target(), *seeker.transaction.route);
    auto patience = settings_.connect_timeout;
    if (seeker.path.health.is_on_probation(coming.endpoint()))
      patience = std::min(patience, probe_head_start);
    if (!coming.is_connected() && named->preference == next.preference)
      patience = std::min(patience, address_head_start);
    from = std::max(from, after(coming.opened_at(), patience));
  }
  return from;
}

Decision Site::overtake_with(route::Target const& next, Seeker const& seeker, TimePoint now) const {
  if (is_full(seeker.path)) {
    if (auto* const leaving = idle_in_the_way_of(seeker.path)) return {MakeRoom{leaving}};
    if (auto* const late = one_to_give_up(seeker.path, now)) return {GiveUp{late}};
    return {Stay{{never, Limit::Connecting}, Verdict::Keep}};
  }
  // It is late that they are, and not a limit, that keeps the transaction.
  if (auto const wait = may_open(next, seeker.source, now); !wait.is_over())
    return {Stay{{wait.not_before, Limit::Connecting}, Verdict::Keep, &next}};
  return {Overtake{&next}};
}

// All are open. Who waits for those that are on their way may have hosts that were not tried; where
// some are in use as well, there is no need to ask everybody.
Decision Site::full_or_overtake(Seeker const& seeker, TimePoint now) const {
  auto decision = wait_or_overtake(seeker, now);
  if (auto* const stays = std::get_if<Stay>(&decision.what)) {
    if (idle_in_the_way_of(seeker.path) != nullptr) return when_full(seeker);
    if (paths_.is_one() && pool_.count(ConnectionState::Busy) != 0) stays->verdict = Verdict::Stop;
  }
  return decision;
}

// The latest of several that are tried at one address; else one that was connected to and has been
// silent for as long as connecting may take.
SmtpConnection* Site::one_to_give_up(Path const& path, TimePoint now) const {
  auto const& coming = pool_.in(ConnectionState::Connecting);
  SmtpConnection* silent = nullptr;
  for (auto const& c : coming) {
    auto& late = connection_of(c);
    if (!path.has_room() && &path_of(late) != &path) continue;
    bool const has_company = std::any_of(coming.begin(), coming.end(), [&](auto const& other) {
      return &connection_of(other) != &late && connection_of(other).endpoint() == late.endpoint() &&
             connection_of(other).source() == late.source();
    });
    if (has_company) return &late;
    if (after(late.opened_at(), settings_.connect_timeout) <= now) silent = &late;
  }
  return silent;
}

void Site::give_up(SmtpConnection& late, TimePoint now) {
  if (after(late.opened_at(), settings_.connect_timeout) <= now)
    path_of(late).health.failed(
        late.endpoint(),
        Outcome::local(451, {4, 4, 1},
                       fmt::format("{}: {} for {} (connect_timeout)", late.endpoint().to_string(),
                                   late.doing(), to_text(now - late.opened_at()))),
        now);
  close(late, "overtaken", now);
}

// The others of its race are closed: they had their head start and are not connected yet.
void Site::on_connected(SmtpConnection& connection, TimePoint now) {
  if (connection.race() == 0) return;
  std::vector<SmtpConnection*> losers;
  for (auto const& c : pool_.in(ConnectionState::Connecting))
    if (auto& other = connection_of(c); other.race() == connection.race() &&
                                        !other.is_connected() &&
                                        other.endpoint() != connection.endpoint())
      losers.push_back(&other);
  for (auto* loser : losers) {
    auto const took = now - loser->opened_at();
    if (took >= address_head_start)
      path_of(*loser).health.failed(
          loser->endpoint(),
          Outcome::local(451, {4, 4, 1},
                         fmt::format("connect to {}: no answer within {}, where {} has "
                                     "answered",
                                     loser->endpoint().to_string(), to_text(took),
                                     connection.endpoint().to_string())),
          now);
    close(*loser, "overtaken", now);
  }
  be_pumped_at(now);
}

}  // namespace mailpool::delivery
