// What waits in the MTA's queue: who is told to wait there, and who is called back when.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/delivery/site.h"

namespace mailpool::delivery {

using pool::ConnectionState;
using site::Limit;

namespace {

// What can begin within this time may wait for it in a delivery slot of the MTA.
constexpr Duration kept_in_slots = std::chrono::seconds(2);
// Woken ones come a little early rather than late.
constexpr Duration spare_time = std::chrono::milliseconds(500);
constexpr Duration longest_ahead = std::chrono::seconds(10);
// One that was woken is not sent away again for a little less room than was thought.
constexpr Duration patience_with_woken = std::chrono::seconds(3);
constexpr Duration look_again_every = std::chrono::seconds(1);
constexpr Duration longest_to_come = std::chrono::seconds(30);
constexpr Duration shortest_to_come = std::chrono::seconds(2);
constexpr int most_calls_at_once = 200;
constexpr std::size_t most_looks_at_once = 1000;  // at lines
// A turn ended before all was looked at: others have theirs first.
constexpr Duration go_on_after = std::chrono::milliseconds(20);
// Nobody tells when a line's connections come free: all lines together are looked at so often.
constexpr Duration look_at_a_line_every = std::chrono::microseconds(100);

template <class Scoped>
std::string name_or_empty(Scoped const* scope) {
  return scope == nullptr ? std::string() : scope->name();
}

bool is_limited(site::Scope const* scope) {
  return scope != nullptr &&
         (scope->rate.rate().is_limited() || scope->recipient_rate.rate().is_limited() ||
          scope->connections.most());
}

bool has_limits(site::Levels const& levels) {
  return is_limited(levels.domain) || is_limited(levels.sender_domain) || is_limited(levels.tenant);
}

bool is_suspended(site::Scope const* scope, TimePoint now) {
  return scope != nullptr && scope->suspension && scope->suspension->until > now;
}

// What one scope lets begin, `n` standing before it.
site::Wait turn_at(site::Scope const* scope, std::size_t n, TimePoint now) {
  if (scope == nullptr) return {};
  site::Wait wait;
  if (auto const t = scope->rate.turn_of(now, n + 1); t > now) wait = {t, Limit::Rate, scope};
  if (auto const t = scope->recipient_rate.turn_of(now, n + 1); t > now)
    wait = site::later_of(wait, {t, Limit::RecipientRate, scope});
  if (!counts_open_connections(scope->level()) && scope->connections.most() &&
      n + scope->connections.in_use() >= 2 * std::size_t{*scope->connections.most()})
    wait = {never, Limit::MaxConnections, scope};
  return wait;
}

}  // namespace

Duration Site::wake_ahead() const {
  return std::min(2 * context_.parking.latency.value() + spare_time, longest_ahead);
}

Site::Turnout& Site::turnout() {
  if (!turnout_) turnout_ = std::make_unique<Turnout>();
  return *turnout_;
}

void Site::note_slots() {
  auto& all = context_.parking.waiting;
  all = all + waiting_.size() - slots_noted_;
  slots_noted_ = static_cast<std::uint32_t>(waiting_.size());
}

parking::LineName Site::line_of(Transaction const& transaction, TimePoint now) const {
  auto const& levels = transaction.levels;
  parking::LineName line{name_or_empty(levels.tenant),
                         name_or_empty(levels.sender_domain),
                         name_or_empty(levels.domain),
                         {},
                         {}};
  // What is held back stands in a line of its own, so that it holds up nobody else.
  if (is_part_held_anywhere("sender_domain", transaction.sender_domain, now))
    line.sender_domain = transaction.sender_domain;
  if (is_part_held_anywhere("tenant", transaction.tenant, now)) line.tenant = transaction.tenant;
  if (is_campaign_held_anywhere(transaction.campaign, now)) line.campaign = transaction.campaign;
  if (source_held(transaction, now) != nullptr)
    line.source = (transaction.source != nullptr ? transaction.source
                                                 : transaction.sources->members().front().source)
                      ->name();
  return line;
}

// Those of the only path are all that there are.
std::size_t Site::count_on(Path const& path, ConnectionState state) const {
  if (paths_.is_one()) return pool_.count(state);
  auto const& all = pool_.in(state);
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](auto const& c) {
    return &path_of(static_cast<SmtpConnection const&>(*c)) == &path;
  }));
}

// How many transactions can find a connection of the path within a time.
std::size_t Site::hands(Path const& path, Duration within, TimePoint now) const {
  auto free = count_on(path, ConnectionState::Idle) + count_on(path, ConnectionState::Connecting) +
              count_on(path, ConnectionState::Checking);
  auto const& connections = path.scope.connections;
  std::size_t most = connections.most().value_or(0);
  if (auto const* const all = all_paths_.scope(); all != nullptr && all->connections.most())
    most = std::min<std::size_t>(most, *all->connections.most());
  bool const may_grow =
      !is_full(path) && (!last_route_ || last_route_->targets.empty() ||
                         may_open(last_route_->targets.front(), path.source(), now).is_over());
  if (may_grow) free += most - std::min<std::size_t>(connections.in_use(), most);
  auto const speed =
      turnout_ ? turnout_->pace.per_second(now) / static_cast<double>(paths_.used()) : 0;
  // Nothing is known of its speed: each connection is good for one more.
  free += speed < 0.1 ? most : static_cast<std::size_t>(std::ceil(speed * seconds(within)));
  return std::max<std::size_t>(free, 1);
}

// What the one behind `n` others has to wait for here, beyond `within`; its own levels aside. Where
// there are several paths, those before it take all of them.
site::Wait Site::room_behind(std::size_t n, Duration within, TimePoint now) const {
  if (suspension_) return {suspension_->until, Limit::Suspended};
  auto const until = after(now, within);
  site::Wait wait;
  for (auto const* scope :
       std::initializer_list<site::Scope const*>{&context_.scopes.total(), all_paths_.scope()})
    if (auto const turn = turn_at(scope, n, now); turn.not_before > until)
      wait = site::later_of(wait, turn);
  auto const before = n / paths_.used();
  bool is_first = true;
  site::Wait best;
  paths_.visit_used([&](Path const& path) {
    auto const here = room_on(path, before, within, now);
    if (is_first || here.is_over() || (!best.is_over() && here.not_before < best.not_before))
      best = here;
    is_first = false;
  });
  return site::later_of(wait, best);
}

site::Wait Site::room_on(Path const& path, std::size_t n, Duration within, TimePoint now) const {
  auto const* const scope = &path.scope;
  if (auto const held = suspended_from(path.source(), now); !held.is_over()) return held;
  auto const until = after(now, within);
  site::Wait wait;
  if (auto const t = scope->rate.turn_of(now, n + 1); t > until) wait = {t, Limit::Rate, scope};
  if (auto const t = scope->recipient_rate.turn_of(now, n + 1); t > until)
    wait = site::later_of(wait, {t, Limit::RecipientRate, scope});
  wait = site::later_of(wait, room_at_homes(path, n, until, now));
  if (!wait.is_over()) return wait;
  // Nobody comes early to a host that backs off: it would be told so, and wait anew.
  if (auto const t = hosts_rest_until(path, n, now); t > now) return {t, Limit::BackingOff};
  if (n >= hands(path, within, now)) return {never, Limit::MaxConnections, scope};
  return {};
}

// While every host backs off, nothing goes; then one tries whether that is over.
TimePoint Site::hosts_rest_until(Path const& path, std::size_t n, TimePoint now) const {
  if (!last_route_ || last_route_->targets.empty()) return now;
  auto next = never;
  for (auto const& target : last_route_->targets) {
    auto const* record = path.health.find({target.host, target.address, target.port});
    bool const is_failing = record != nullptr && record->failures != 0;
    auto const rests = home_rests_until(target, path.source(), now);
    if (!is_failing && rests <= now) return now;
    next = std::min(next, std::max(rests, is_failing ? record->not_before : TimePoint{}));
  }
  if (next > now) return next;
  return n == 0 || count_on(path, ConnectionState::Busy) != 0 ? now : never;
}

// What it has to wait for at its own levels, `n` of them standing before it.
site::Wait Site::room_in_line(Pattern const& pattern, std::size_t n, Duration within,
                              TimePoint now) const {
  auto const& levels = pattern.levels;
  site::Wait wait;
  for (auto const* scope : {levels.domain, levels.sender_domain, levels.tenant}) {
    if (is_suspended(scope, now)) return {scope->suspension->until, Limit::Suspended, scope};
    if (auto const own = turn_at(scope, n, now); own.not_before > after(now, within))
      wait = site::later_of(wait, own);
  }
  if (!pattern.login.empty() && context_.logins.is_unusable(pattern.login, now))
    return {never, Limit::BackingOff};
  return wait;
}

bool Site::is_wakeable(Transaction const& transaction) const {
  auto const& envelope = transaction.delivery->message().envelope;
  return context_.parking.can_wake(envelope.queue) && parking::is_wakeable_id(envelope.queue_id);
}

// It comes: whether it was told to wait before, and since when.
void Site::note_arrival(Transaction& transaction, TimePoint now) {
  transaction.waits_since = transaction.timing.accepted;
  auto const arrival = context_.parking.entries.arrive(
      transaction.delivery->message().envelope.queue_id, name_, now);
  if (!arrival) return;
  transaction.waits_since = arrival->since;
  transaction.was_woken = arrival->was_called;
  if (arrival->took) context_.parking.latency.note(*arrival->took);
}

// What cannot begin soon is not kept in a slot. Nothing: it may wait here.
std::optional<Refusal> Site::why_park(Transaction const& transaction, TimePoint now) {
  auto const& parking = context_.parking;
  auto const own = waiting_.size();
  if (!parking.may_wait(own))
    return Refusal{Outcome::local(451, {4, 7, 1},
                                  fmt::format("{}: slots reached ({} of {} wait, {} of them here)",
                                              name_, parking.waiting, parking.slots, own)),
                   "slots"};
  if (!is_wakeable(transaction)) return std::nullopt;
  // What a login lacks is said at once, in its server's words.
  auto const& login = transaction.login.name;
  if (!login.empty() && context_.logins.is_unusable(login, now)) return std::nullopt;
  auto const& entries = parking.entries;
  bool const is_last = !transaction.was_woken && entries.waiting(name_) != 0;
  auto const within = transaction.was_woken ? wake_ahead() + patience_with_woken
                      : is_last             ? wake_ahead()
                                            : kept_in_slots;
  auto const coming = transaction.was_woken ? 0 : entries.coming(name_);
  auto wait = room_behind(own + coming, within, now);
  // Room is not kept for those that were woken and are late: the MTA may be long in bringing them.
  if (own == 0 && coming != 0 && !wait.is_over() && room_behind(0, Duration::zero(), now).is_over())
    wait = {};
  auto const& levels = transaction.levels;
  if (wait.is_over() && has_limits(levels)) {
    auto const line = line_of(transaction, now);
    auto const [stand, come] = entries.in_line(name_, line);
    auto const before = waiting_.size_with(levels) + (transaction.was_woken ? 0 : come);
    bool const is_behind = !transaction.was_woken && stand != 0;
    wait = room_in_line({levels, transaction.login.name, transaction.priority}, before,
                        is_behind ? wake_ahead() : within, now);
  }
  // While all hosts back off the answer is at hand, in words about them.
  if (wait.is_over() || (wait.limit == Limit::BackingOff && wait.not_before != never))
    return std::nullopt;
  // What holds back the first of all is what an operator looks for.
  auto const first = limits_of(transaction, now).wait;
  return Refusal{Outcome::local(451, {4, 7, 1}, words_for(first.is_over() ? wait : first, now)),
                 site::name_of(wait.limit)};
}

bool Site::park(Transaction const& transaction, parking::Why why, TimePoint now) {
  auto const& envelope = transaction.delivery->message().envelope;
  if (!parking::is_called_back(why) || envelope.queue == parking::no_queue ||
      !transaction.delivery->is_wanted())
    return false;
  auto line = line_of(transaction, now);
  bool const is_kept = context_.parking.entries.park(
      {envelope.queue_id, envelope.queue, name_, line, transaction.priority, why,
       transaction.waits_since, transaction.campaign},
      now);
  if (!is_kept) return false;
  turnout().patterns.insert_or_assign(
      std::move(line), Pattern{transaction.levels, transaction.login.name, transaction.priority});
  forget_patterns();
  be_pumped_at(now);
  return true;
}

TimePoint Site::empty_at(std::size_t n, TimePoint now) const {
  if (suspension_ && suspension_->until == never) return never;
  if (n == 0) return now;
  auto at = turn_at(&context_.scopes.total(), n - 1, now).not_before;
  at = std::max(at, turn_at(all_paths_.scope(), n - 1, now).not_before);
  bool is_told_by_rates = true;
  auto const on_each = (n + paths_.used() - 1) / paths_.used();
  paths_.visit_used([&](Path const& path) {
    auto const& rate = path.scope.rate;
    auto const& recipients = path.scope.recipient_rate;
    at = std::max({at, rate.turn_of(now, on_each), recipients.turn_of(now, on_each)});
    is_told_by_rates =
        is_told_by_rates && (rate.rate().is_limited() || recipients.rate().is_limited());
  });
  at = std::max(at, now);
  auto const speed = turnout_ ? turnout_->pace.per_second(now) : 0;
  if (!is_told_by_rates && speed < 0.01) return never;
  if (!is_told_by_rates)
    at = std::max(at, after(now, std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
                                     static_cast<double>(n) / speed))));
  if (suspension_) at = after(suspension_->until, at - now);
  return at;
}

void Site::try_parked(TimePoint now) {
  context_.parking.entries.end_rests(name_, now);
  be_pumped_at(now);
}

// Patterns of lines that are gone.
void Site::forget_patterns() {
  auto const& entries = context_.parking.entries;
  auto& patterns = turnout().patterns;
  if (patterns.size() < 2 * entries.lines(name_) + 64) return;
  std::erase_if(patterns, [&](auto const& known) { return !entries.has_line(name_, known.first); });
}

// When the next of a line may be called, `coming` of it being on their way.
TimePoint Site::line_may_go_at(parking::LineName const& line, std::size_t coming, Duration ahead,
                               TimePoint now) const {
  auto const later = after(now, look_again_every);
  if (is_part_held_anywhere("sender_domain", line.sender_domain, now) ||
      is_part_held_anywhere("tenant", line.tenant, now) ||
      is_campaign_held_anywhere(line.campaign, now))
    return later;
  auto const* const source =
      line.source.empty() ? nullptr : context_.scopes.find_source(line.source);
  if (!suspended_from(source, now).is_over()) return later;
  auto const pattern = turnout_->patterns.find(line);
  if (pattern == turnout_->patterns.end()) return now;
  auto const& levels = pattern->second.levels;
  auto const before = has_limits(levels) ? waiting_.size_with(levels) : 0;
  auto const wait = room_in_line(pattern->second, before + coming, ahead, now);
  if (wait.is_over()) return now;
  auto const all = static_cast<Duration::rep>(context_.parking.entries.lines(name_));
  auto const soon = after(now, std::max(go_on_after, all * look_at_a_line_every));
  if (wait.not_before == never) return std::min(later, soon);
  return std::min(later, std::max(wait.not_before - ahead, soon));
}

void Site::wake_some(TimePoint now) {
  auto& parking = context_.parking;
  auto& entries = parking.entries;
  if (entries.is_empty(name_)) {
    if (!turnout_) return;
    turnout_->patterns.clear();
    turnout_->next_wake = never;
    return;
  }
  auto& next = turnout().next_wake;
  next = after(now, look_again_every);
  if (suspension_ || context_.is_draining || context_.holds_all(now) != nullptr ||
      !parking.can_wake_any())
    return;
  auto const ahead = wake_ahead();
  auto const come_within =
      std::clamp(4 * parking.latency.value(), shortest_to_come, longest_to_come);
  auto const may_go_at = [&](parking::LineName const& line, std::size_t coming) {
    return line_may_go_at(line, coming, ahead, now);
  };
  auto looks = most_looks_at_once;
  auto n = waiting_.size() + entries.coming(name_);
  for (int i = 0; i < most_calls_at_once; ++i, ++n) {
    if (entries.waiting(name_) == 0) return;
    if (looks == 0) break;
    if (auto const wait = room_behind(n, ahead, now); !wait.is_over()) {
      if (waiting_.is_empty()) blocked_ = wait;
      if (wait.not_before != never)
        next = std::min(next, std::max(wait.not_before - ahead, now + spare_time / 50));
      return;
    }
    auto call = entries.call(name_, may_go_at, come_within, looks, now);
    if (!call) break;
    parking.calls.push_back(std::move(*call));
  }
  next = std::min(next, std::max(entries.ready_at(name_), after(now, go_on_after)));
}

}  // namespace mailpool::delivery
