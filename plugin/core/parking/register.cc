#include "core/parking/register.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <limits>

namespace mailpool::parking {
namespace {

constexpr std::uint64_t one_turn = 1'000'000'000;  // of priority 1
constexpr std::uint8_t most_calls = 4;             // that nobody follows
constexpr Duration first_rest = std::chrono::seconds(5);
constexpr Duration stays_known = std::chrono::seconds(30);
constexpr Duration longest_rest = std::chrono::seconds(30);
// Who calls knows whether a host, a login or a suspension holds them back: this is for the rest.
constexpr Duration short_rest = std::chrono::seconds(2);
// What is told to wait again is older than nearly all that wait: its place is near the head.
constexpr int most_steps = 64;

// What no room ends (a dead host, a login) may last: who came for it in vain comes later and later.
Duration rest_of(Why why, std::uint32_t times) {
  if (why == Why::Limit || times < 2) return Register::settle_time;
  return std::min(why == Why::Route ? longest_rest : short_rest,
                  Register::settle_time * (1 << std::min(times - 1, 6U)));
}

std::uint16_t one_more(std::uint16_t times) {
  constexpr auto most = std::numeric_limits<std::uint16_t>::max();
  return times == most ? most : static_cast<std::uint16_t>(times + 1);
}

}  // namespace

std::string_view name_of(Why why) {
  switch (why) {
    case Why::Limit:
      return "limit";
    case Why::Suspended:
      return "suspended";
    case Why::BackingOff:
      return "backing_off";
    case Why::Draining:
      return "draining";
    case Why::Route:
      return "route";
    case Why::Remote:
      return "remote";
    case Why::Other:
      break;
  }
  return "other";
}

bool is_wakeable_id(std::string_view id) {
  return id.size() >= 6 && id.size() <= 22 && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
         });
}

std::size_t Register::hash(std::string_view id) {
  return std::hash<std::string_view>{}(id);
}

Register::Lane const* Register::lane_of(std::string_view name) const {
  auto const found = lanes_.find(name);
  return found == lanes_.end() ? nullptr : &found->second;
}

// --- the index: chains by queue id; a message may stand in several lanes

Register::Index Register::find(std::string_view id, std::string_view lane) const {
  if (buckets_.empty()) return nil;
  for (auto i = buckets_[hash(id) & (buckets_.size() - 1)]; i != nil;
       i = entries_[i].next_in_bucket)
    if (entries_[i].name() == id && (lane.empty() || entries_[i].line->lane->name == lane))
      return i;
  return nil;
}

void Register::insert_index(Index i) {
  if (size_ >= buckets_.size()) grow_index();
  auto& head = buckets_[hash(entries_[i].name()) & (buckets_.size() - 1)];
  entries_[i].next_in_bucket = std::exchange(head, i);
}

void Register::remove_index(Index i) {
  auto* at = &buckets_[hash(entries_[i].name()) & (buckets_.size() - 1)];
  while (*at != i) at = &entries_[*at].next_in_bucket;
  *at = entries_[i].next_in_bucket;
}

void Register::grow_index() {
  buckets_.assign(std::max<std::size_t>(1024, buckets_.size() * 2), nil);
  for (Index i = 0; i < entries_.size(); ++i) {
    if (entries_[i].where == Where::Free) continue;
    auto& head = buckets_[hash(entries_[i].name()) & (buckets_.size() - 1)];
    entries_[i].next_in_bucket = std::exchange(head, i);
  }
}

Register::Index Register::take_free() {
  if (free_ != nil) return std::exchange(free_, entries_[free_].next);
  entries_.emplace_back();
  return static_cast<Index>(entries_.size() - 1);
}

// --- lists

void Register::link(List& list, Index i, Index before) {
  auto& entry = entries_[i];
  entry.next = before;
  entry.prev = before == nil ? list.tail : entries_[before].prev;
  (entry.prev == nil ? list.head : entries_[entry.prev].next) = i;
  (before == nil ? list.tail : entries_[before].prev) = i;
  ++list.size;
}

void Register::unlink(List& list, Index i) {
  auto const& entry = entries_[i];
  (entry.prev == nil ? list.head : entries_[entry.prev].next) = entry.next;
  (entry.next == nil ? list.tail : entries_[entry.next].prev) = entry.prev;
  --list.size;
}

Register::List& Register::list_of(Entry const& entry) {
  switch (entry.where) {
    case Where::Coming:
      return coming_;
    case Where::Here:
      return here_;
    case Where::Resting:
      return resting_;
    case Where::Line:
    case Where::Free:
      break;
  }
  return entry.line->entries;
}

// Takes its place by age in its line.
void Register::stand(Index i) {
  auto& entry = entries_[i];
  auto& line = *entry.line;
  auto& lane = *line.lane;
  auto before = nil;
  auto const tail = line.entries.tail;
  if (tail != nil && entries_[tail].since > entry.since) {
    before = line.entries.head;
    for (int n = 0; n < most_steps && entries_[before].since <= entry.since; ++n)
      before = entries_[before].next;
  }
  if (line.entries.size == 0) take_place(line);
  entry.where = Where::Line;
  link(line.entries, i, before);
  ++lane.waiting;
  count_why(entry, 1);
}

void Register::leave(Index i) {
  auto& entry = entries_[i];
  auto& line = *entry.line;
  unlink(list_of(entry), i);
  if (entry.where == Where::Line) {
    --line.lane->waiting;
    count_why(entry, -1);
    if (line.entries.size == 0) give_up_place(line);
    return;
  }
  --line.elsewhere;
  if (entry.where == Where::Resting) {
    --line.lane->resting;
    count_why(entry, -1);
    if (entry.unheard != 0) --line.lane->in_vain;
  }
  if (entry.where != Where::Coming) return;
  --line.coming;
  --line.lane->coming;
}

void Register::enter(Index i, Where where, TimePoint now) {
  auto& entry = entries_[i];
  entry.where = where;
  entry.at = now;
  ++entry.line->elsewhere;
  if (where == Where::Resting) {
    ++entry.line->lane->resting;
    count_why(entry, 1);
    if (entry.unheard != 0) ++entry.line->lane->in_vain;
  }
  if (where == Where::Coming) {
    ++entry.line->coming;
    ++entry.line->lane->coming;
  }
  // Those that rest longer come later: the place is near the end.
  auto& list = list_of(entry);
  auto before = nil;
  while ((before == nil ? list.tail : entries_[before].prev) != nil) {
    auto const prev = before == nil ? list.tail : entries_[before].prev;
    if (entries_[prev].at <= now) break;
    before = prev;
  }
  link(list, i, before);
}

void Register::erase(Index i) {
  auto& entry = entries_[i];
  auto& line = *entry.line;
  leave(i);
  remove_index(i);
  campaigns_.give_back(entry.campaign);
  entry = {};
  entry.next = std::exchange(free_, i);
  --size_;
  tidy(line);
}

void Register::tidy(Line& line) {
  if (line.entries.size != 0 || line.elsewhere != 0) return;
  auto& lane = *line.lane;
  auto const name = line.name;
  lane.lines.erase(name);
  if (!lane.lines.empty()) return;
  auto const lane_name = lane.name;
  lanes_.erase(lane_name);
}

Register::Line& Register::line_for(std::string_view lane_name, LineName const& name,
                                   std::uint32_t priority) {
  auto found = lanes_.find(lane_name);
  if (found == lanes_.end()) {
    found = lanes_.try_emplace(std::string(lane_name)).first;
    found->second.name = lane_name;
  }
  auto& lane = found->second;
  auto& line = lane.lines[name];
  line.lane = &lane;
  if (line.name != name) line.name = name;
  line.stride = one_turn / std::max<std::uint32_t>(priority, 1);
  return line;
}

void Register::took_turn(Line& line) {
  auto& lane = *line.lane;
  lane.turns.erase({line.turn, line.since, &line});
  lane.turn = std::max(lane.turn, line.turn);
  line.turn += line.stride;
  line.since = ++clock_;
  lane.turns.insert({line.turn, line.since, &line});
}

// --- turns

// Who was away has saved nothing up.
void Register::take_place(Line& line) {
  line.aside_until = {};
  line.turn = std::max(line.turn, line.lane->turn);
  line.since = ++clock_;
  line.lane->turns.insert({line.turn, line.since, &line});
}

void Register::give_up_place(Line& line) {
  if (line.aside_until == TimePoint{})
    line.lane->turns.erase({line.turn, line.since, &line});
  else
    line.lane->aside.erase({line.aside_until, &line});
}

void Register::put_aside(Line& line, TimePoint until) {
  give_up_place(line);
  line.aside_until = until;
  line.lane->aside.insert({until, &line});
}

void Register::bring_back(Lane& lane, TimePoint until) {
  while (!lane.aside.empty() && lane.aside.begin()->first <= until) {
    auto& line = *lane.aside.begin()->second;
    give_up_place(line);
    take_place(line);
  }
}

void Register::count_why(Entry const& entry, int more) {
  auto const why = static_cast<std::size_t>(entry.why);
  auto const n = static_cast<std::size_t>(more);  // wraps as it should
  entry.line->by_why[why] += n;
  by_why_[why] += n;
}

// --- what is asked of it

bool Register::park(Ticket const& ticket, TimePoint now) {
  if (!is_wakeable_id(ticket.queue_id) || ticket.queue == no_queue || ticket.lane.empty())
    return false;
  auto i = find(ticket.queue_id, ticket.lane);
  if (i != nil && entries_[i].where == Where::Line) {
    auto& entry = entries_[i];
    count_why(entry, -1);
    entry.why = ticket.why;
    count_why(entry, 1);
    entry.times = one_more(entry.times);
    entry.at = now + settle_time;
    return true;
  }
  auto since = ticket.since;
  std::uint16_t times = 1;
  if (i != nil) {
    since = std::min(since, entries_[i].since);
    times = one_more(entries_[i].times);
    erase(i);
  } else if (size_ >= most_) {
    ++turned_away;
    return false;
  }
  i = take_free();
  auto& entry = entries_[i];
  entry = {};
  ticket.queue_id.copy(entry.id.data(), entry.id.size());
  entry.id_size = static_cast<std::uint8_t>(ticket.queue_id.size());
  entry.queue = ticket.queue;
  entry.why = ticket.why;
  entry.since = since;
  entry.times = times;
  entry.counted = counts_[ticket.queue];
  entry.at = now + settle_time;
  entry.campaign = campaigns_.take(ticket.campaign);
  entry.line = &line_for(ticket.lane, ticket.line, ticket.priority);
  ++size_;
  insert_index(i);
  if (auto const rest = rest_of(ticket.why, times); rest > settle_time)
    enter(i, Where::Resting, now + rest);
  else
    stand(i);
  ++parked;
  return true;
}

std::optional<Arrival> Register::arrive(std::string_view queue_id, std::string_view lane,
                                        TimePoint now) {
  auto const i = find(queue_id, lane);
  if (i == nil) return std::nullopt;
  auto& entry = entries_[i];
  Arrival arrival{entry.since, entry.times,
                  entry.where == Where::Coming || entry.where == Where::Here, std::nullopt};
  if (entry.where == Where::Coming) {
    ++arrived;
    arrival.took = now - entry.at;
  }
  if (entry.where != Where::Here) {
    leave(i);
    entry.unheard = 0;
    enter(i, Where::Here, now);
  }
  return arrival;
}

void Register::put_back(std::string_view queue_id, TimePoint now) {
  for (auto i = find(queue_id, {}); i != nil; i = entries_[i].next_in_bucket) {
    auto& entry = entries_[i];
    if (entry.name() != queue_id || entry.where != Where::Coming) continue;
    leave(i);
    enter(i, Where::Resting, now + first_rest);
  }
}

void Register::end_rests(std::string_view lane, TimePoint now) {
  auto const found = lanes_.find(lane);
  if (found == lanes_.end()) return;
  bring_back(found->second, never);
  auto left = found->second.resting - found->second.in_vain;
  for (auto i = resting_.head; i != nil && left != 0;) {
    auto& entry = entries_[i];
    auto const next = entry.next;
    if (entry.unheard == 0 && entry.line->lane == &found->second) {
      --left;
      leave(i);
      entry.at = std::min(entry.at, now + settle_time);
      stand(i);
    }
    i = next;
  }
}

void Register::begin_count(std::uint8_t queue) {
  ++counts_[queue];
}

void Register::seen(std::string_view queue_id, std::uint8_t queue) {
  for (auto i = find(queue_id, {}); i != nil; i = entries_[i].next_in_bucket)
    if (auto& entry = entries_[i]; entry.name() == queue_id && entry.queue == queue)
      entry.counted = counts_[queue];
}

std::size_t Register::end_count(std::uint8_t queue) {
  std::size_t forgotten = 0;
  for (Index i = 0; i < entries_.size(); ++i) {
    auto const& entry = entries_[i];
    bool const stands = entry.where == Where::Line || entry.where == Where::Resting;
    if (!stands || entry.queue != queue || entry.counted == counts_[queue]) continue;
    erase(i);
    ++forgotten;
  }
  return forgotten;
}

void Register::move(std::string_view from, std::string_view to) {
  auto const found = lanes_.find(from);
  if (found == lanes_.end() || from == to) return;
  std::vector<std::pair<Index, std::pair<LineName, std::uint64_t>>> all;
  for (auto& [name, line] : found->second.lines)
    for (auto i = line.entries.head; i != nil; i = entries_[i].next)
      all.push_back({i, {name, line.stride}});
  for (auto const& [i, of] : all) {
    auto& entry = entries_[i];
    if (find(entry.name(), to) != nil) {
      erase(i);
      continue;
    }
    auto& before = *entry.line;
    leave(i);
    entry.line = &line_for(to, of.first, static_cast<std::uint32_t>(one_turn / of.second));
    stand(i);
    tidy(before);
  }
}

void Register::expire(TimePoint now) {
  while (coming_.head != nil && entries_[coming_.head].at + come_within_ <= now) {
    auto const i = coming_.head;
    ++unheard;
    leave(i);
    auto& entry = entries_[i];
    if (++entry.unheard < most_calls) {
      enter(i, Where::Resting, now + first_rest * (1 << (2 * (entry.unheard - 1))));
      continue;
    }
    enter(i, Where::Here, now);  // so that all ends are one
    ++given_up;
    erase(i);
  }
  while (here_.head != nil && entries_[here_.head].at + stays_known <= now) erase(here_.head);
  while (resting_.head != nil && entries_[resting_.head].at <= now) {
    auto const i = resting_.head;
    leave(i);
    stand(i);
  }
}

TimePoint Register::deadline() const {
  auto at = never;
  if (coming_.head != nil) at = std::min(at, entries_[coming_.head].at + come_within_);
  if (here_.head != nil) at = std::min(at, entries_[here_.head].at + stays_known);
  if (resting_.head != nil) at = std::min(at, entries_[resting_.head].at);
  return at;
}

// --- counts

std::size_t Register::waiting(std::string_view lane) const {
  auto const* found = lane_of(lane);
  return found == nullptr ? 0 : found->waiting;
}

std::size_t Register::coming(std::string_view lane) const {
  auto const* found = lane_of(lane);
  return found == nullptr ? 0 : found->coming;
}

std::size_t Register::resting(std::string_view lane) const {
  auto const* found = lane_of(lane);
  return found == nullptr ? 0 : found->resting;
}

std::size_t Register::called_in_vain(std::string_view lane) const {
  auto const* found = lane_of(lane);
  return found == nullptr ? 0 : found->in_vain;
}

std::pair<std::size_t, std::size_t> Register::in_line(std::string_view lane,
                                                      LineName const& line) const {
  auto const* found = lane_of(lane);
  if (found == nullptr) return {0, 0};
  auto const at = found->lines.find(line);
  if (at == found->lines.end()) return {0, 0};
  return {at->second.entries.size, at->second.coming};
}

std::size_t Register::lines(std::string_view lane) const {
  auto const* found = lane_of(lane);
  return found == nullptr ? 0 : found->lines.size();
}

bool Register::has_line(std::string_view lane, LineName const& line) const {
  auto const* found = lane_of(lane);
  return found != nullptr && found->lines.contains(line);
}

TimePoint Register::ready_at(std::string_view lane) const {
  auto const* found = lane_of(lane);
  if (found == nullptr) return never;
  if (!found->turns.empty()) return {};
  return found->aside.empty() ? never : found->aside.begin()->first;
}

LaneCounts Register::counts(std::string_view lane) const {
  LaneCounts counts;
  auto const* found = lane_of(lane);
  if (found == nullptr) return counts;
  counts.waiting = found->waiting + found->resting;
  counts.coming = found->coming;
  for (auto const& [name, line] : found->lines) {
    for (std::size_t why = 0; why < whys; ++why) counts.by_why[why] += line.by_why[why];
    if (line.entries.head != nil)
      counts.oldest = std::min(counts.oldest, entries_[line.entries.head].since);
  }
  return counts;
}

}  // namespace mailpool::parking
