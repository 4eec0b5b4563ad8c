#pragma once
// Which messages were told to wait in the MTA's queue, and in which order they are to be called
// back from there. It owns no message: losing it only means that they come by the MTA's own clock.
//
// An entry is a message (queue id, of one of the MTA's queues) in a lane: what it waits for (a
// site; later a site as seen from one source). Within a lane those of one line (tenant, sender
// domain, recipient domain with limits of its own) stand by age; lines take turns in proportion to
// their priority. Sizes: an entry takes 80 octets and 4 to 8 more in the index.

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "core/parking/labels.h"

namespace mailpool::parking {

/// Why a message waits; the words of `poolctl queue`, metrics and JSON.
enum class Why : std::uint8_t {
  Limit,       ///< for a rate, a connection, a delivery slot
  Suspended,   ///< by an operator or a rule
  BackingOff,  ///< every host failed lately, or its login does
  Draining,
  Route,   ///< DNS gives no answer
  Remote,  ///< a 4xx of the remote: it is for the MTA to try again
  Other,
};
inline constexpr std::size_t whys = 7;
[[nodiscard]] std::string_view name_of(Why why);
/// Whether a message that waits for it is called back, or comes by the MTA's own clock.
[[nodiscard]] constexpr bool is_called_back(Why why) {
  return why != Why::Remote && why != Why::Other;
}

/// What is never woken: the queue of an MTA that cannot be asked.
inline constexpr std::uint8_t no_queue = 255;
/// Of one of several instances that share a socket: all of them are asked.
inline constexpr std::uint8_t any_queue = 254;

/// A queue id of Postfix, long or short. Only what is one is ever said to a Postfix.
[[nodiscard]] bool is_wakeable_id(std::string_view id);

/// The lane of a domain whose site is not known.
[[nodiscard]] inline std::string lane_of_domain(std::string_view domain) {
  return "@" + std::string(domain);
}

/// Whose turn it is, as opaque words, and how many turns it has.
struct LineName {
  std::string tenant;
  std::string sender_domain;  ///< with options of its own
  std::string domain;         ///< with options of its own
  std::string source;         ///< where the mail of one is held back
  std::string campaign;       ///< likewise
  auto operator<=>(LineName const&) const = default;
};

/// A message that is told to wait.
struct Ticket {
  std::string_view queue_id;
  std::uint8_t queue = no_queue;
  std::string_view lane;
  LineName line;
  std::uint32_t priority = 100;
  Why why = Why::Limit;
  TimePoint since{};               ///< when it was first told to wait, or came
  std::string_view campaign = {};  ///< for who asks what waits
};

/// A message that comes, if it was told to wait before.
struct Arrival {
  TimePoint since{};
  std::uint32_t times = 0;       ///< told to wait
  bool was_called = false;       ///< it comes because it was woken
  std::optional<Duration> took;  ///< since it was woken; of the first of its transactions
};

/// A message to be woken now.
struct Call {
  std::string queue_id;
  std::uint8_t queue = no_queue;
};

struct LaneCounts {
  std::size_t waiting = 0;  ///< those that rest included
  std::size_t coming = 0;   ///< woken, on their way
  TimePoint oldest = never;
  std::array<std::size_t, whys> by_why{};
};

class Register {
 public:
  static constexpr std::size_t usual_size = 200'000;
  /// A message is not woken earlier after it was told to wait: the MTA must have put it by.
  static constexpr Duration settle_time = std::chrono::milliseconds(500);

  explicit Register(std::size_t most = usual_size) : most_(most) {}
  Register(Register const&) = delete;
  Register& operator=(Register const&) = delete;

  /// False: it is full, or the id is none that could be woken. One that is known stays where it
  /// stands.
  bool park(Ticket const& ticket, TimePoint now);
  /// It comes: it stands in line no more. Nothing: it was never told to wait.
  std::optional<Arrival> arrive(std::string_view queue_id, std::string_view lane, TimePoint now);
  /// The next of a lane, in the order of turns and age. `may_go_at` says of a line with so many on
  /// their way when its next one may go: one that may not go now is not looked at before. What is
  /// called counts as on its way until it arrives, or is given up after `come_within`. `looks` is
  /// how many lines may still be looked at; at 0 there may be others.
  template <class MayGoAt>
  std::optional<Call> call(std::string_view lane, MayGoAt&& may_go_at, Duration come_within,
                           std::size_t& looks, TimePoint now);
  /// It could not be woken: it rests, and stands in line again.
  void put_back(std::string_view queue_id, TimePoint now);
  /// What a lane's messages were told to wait for may be over: those that rest stand in line again,
  /// but for those that were called in vain, and every line is looked at.
  void end_rests(std::string_view lane, TimePoint now);
  /// All of a lane go to another (the site of a domain was found).
  void move(std::string_view from, std::string_view to);
  // A count of one of the MTA's queues: what was not seen there is forgotten (it was removed, or is
  // held). What comes and goes meanwhile is not judged.
  void begin_count(std::uint8_t queue);
  void seen(std::string_view queue_id, std::uint8_t queue);
  /// How many were forgotten.
  std::size_t end_count(std::uint8_t queue);

  /// Those that did not come are tried again, later and later, and forgotten after the fourth time.
  void expire(TimePoint now);
  [[nodiscard]] TimePoint deadline() const;

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Of an entry and its place in the index, at most.
  [[nodiscard]] static constexpr std::size_t entry_octets() {
    return sizeof(Entry) + 2 * sizeof(Index);
  }
  [[nodiscard]] std::size_t most() const { return most_; }
  void reconfigure(std::size_t most) { most_ = most; }
  [[nodiscard]] std::size_t waiting(std::string_view lane) const;
  [[nodiscard]] std::size_t coming(std::string_view lane) const;
  /// In line at a later time: what was called in vain, or told to wait again for what no room ends.
  [[nodiscard]] std::size_t resting(std::string_view lane) const;
  /// Of those that rest, what was called in vain.
  [[nodiscard]] std::size_t called_in_vain(std::string_view lane) const;
  [[nodiscard]] bool is_empty(std::string_view lane) const { return lane_of(lane) == nullptr; }
  /// Of one line: those that wait, those on their way.
  [[nodiscard]] std::pair<std::size_t, std::size_t> in_line(std::string_view lane,
                                                            LineName const& line) const;
  [[nodiscard]] std::size_t lines(std::string_view lane) const;
  /// Of a campaign, wherever they wait.
  [[nodiscard]] std::size_t of_campaign(std::string_view campaign) const {
    return campaigns_.held(campaign);
  }
  [[nodiscard]] bool has_line(std::string_view lane, LineName const& line) const;
  /// When a line of the lane is to be looked at again, after all were; the past: there are others.
  [[nodiscard]] TimePoint ready_at(std::string_view lane) const;
  [[nodiscard]] LaneCounts counts(std::string_view lane) const;
  [[nodiscard]] bool knows(std::string_view queue_id, std::string_view lane) const {
    return find(queue_id, lane) != nil;
  }
  /// Of all that stand in line or rest, by why.
  [[nodiscard]] std::array<std::size_t, whys> const& by_why() const { return by_why_; }
  /// Lanes of domains, those behind `after` first, each once, while the visitor returns true; it
  /// may call(). Whether all were seen.
  template <class Visitor>
  bool visit_lanes_of_domains(std::string_view after, Visitor&& visitor) const {
    auto const is_domain = [&](auto at) {
      return at != lanes_.end() && at->first.starts_with('@');
    };
    auto const first = lanes_.lower_bound("@");
    auto const middle = after.empty() ? first : lanes_.upper_bound(after);
    for (auto at = middle; is_domain(at); ++at)
      if (!visitor(at->first)) return false;
    for (auto at = first; at != middle && is_domain(at); ++at)
      if (!visitor(at->first)) return false;
    return true;
  }

  /// Lanes, and how many stand in line, rest or come in each.
  template <class Visitor>
  void visit_sizes(Visitor&& visitor) const {
    for (auto const& [name, lane] : lanes_)
      visitor(name, lane.waiting + lane.resting + lane.coming);
  }
  template <class Visitor>
  void visit_lanes(Visitor&& visitor) const {
    for (auto const& [name, lane] : lanes_) visitor(name, counts(name));
  }
  /// An entry as it is shown.
  struct Shown {
    std::string_view queue_id;
    std::string_view lane;
    std::string_view tenant;
    std::string_view campaign;
    Why why = Why::Other;
    TimePoint since{};
  };
  /// Entries from a place on, while the visitor returns true. Where it stopped; nothing at the end.
  template <class Visitor>
  std::optional<std::uint32_t> visit_from(std::uint64_t from, Visitor&& visitor) const {
    for (auto i = from; i < entries_.size(); ++i) {
      auto const& entry = entries_[i];
      if (entry.where == Where::Free || entry.where == Where::Here) continue;
      if (!visitor(Shown{entry.name(), entry.line->lane->name, entry.line->name.tenant,
                         campaigns_.word_of(entry.campaign), entry.why, entry.since}))
        return static_cast<std::uint32_t>(i);
    }
    return std::nullopt;
  }

  // Totals since the start.
  std::uint64_t parked = 0;
  std::uint64_t called = 0;
  std::uint64_t arrived = 0;      ///< of those that were called
  std::uint64_t unheard = 0;      ///< calls that nobody followed
  std::uint64_t given_up = 0;     ///< messages forgotten because they never came
  std::uint64_t turned_away = 0;  ///< not parked: the register is full

 private:
  using Index = std::uint32_t;
  static constexpr Index nil = std::numeric_limits<Index>::max();
  static constexpr std::size_t longest_id = 22;

  enum class Where : std::uint8_t { Free, Line, Coming, Here, Resting };
  struct Line;
  struct Entry {
    std::array<char, longest_id> id;
    std::uint8_t id_size = 0;
    std::uint8_t queue = no_queue;
    Why why = Why::Limit;
    Where where = Where::Free;
    std::uint8_t unheard = 0;  ///< calls in a row
    std::uint8_t counted = 0;  ///< in which count of its queue it was seen
    Index prev = nil, next = nil;
    Index next_in_bucket = nil;
    std::uint16_t times = 0;  ///< and more
    Labels::Number campaign = Labels::none;
    Line* line = nullptr;
    TimePoint since{};
    TimePoint at{};  ///< in line: ready from; coming: called at; here and resting: since
    [[nodiscard]] std::string_view name() const { return {id.data(), id_size}; }
  };
  struct List {
    Index head = nil, tail = nil;
    std::size_t size = 0;
  };
  struct Lane;
  struct Line {
    Lane* lane = nullptr;
    LineName name;
    List entries;
    std::size_t elsewhere = 0;  ///< coming, here or resting
    std::size_t coming = 0;
    std::uint64_t stride = 0;
    std::uint64_t turn = 0;
    std::uint64_t since = 0;
    TimePoint aside_until{};  ///< not looked at before; the past: it has a turn
    std::array<std::size_t, whys> by_why{};
  };
  using Turn = std::tuple<std::uint64_t, std::uint64_t, Line*>;
  struct Lane {
    std::string name;
    std::map<LineName, Line> lines;
    // Lines in which somebody stands, either of:
    std::set<Turn> turns;
    std::set<std::pair<TimePoint, Line*>> aside;  ///< none may go before
    std::uint64_t turn = 0;
    std::size_t waiting = 0;
    std::size_t coming = 0;
    std::size_t resting = 0;
    std::size_t in_vain = 0;  ///< of those that rest
  };

  Index find(std::string_view id, std::string_view lane) const;
  Index take_free();
  void insert_index(Index i);
  void remove_index(Index i);
  void grow_index();
  static std::size_t hash(std::string_view id);
  void link(List& list, Index i, Index before);
  void unlink(List& list, Index i);
  List& list_of(Entry const& entry);
  void stand(Index i);
  void leave(Index i);
  void enter(Index i, Where where, TimePoint now);
  void erase(Index i);
  void tidy(Line& line);
  Line& line_for(std::string_view lane, LineName const& name, std::uint32_t priority);
  void took_turn(Line& line);
  void take_place(Line& line);
  void give_up_place(Line& line);
  void put_aside(Line& line, TimePoint until);
  void bring_back(Lane& lane, TimePoint until);
  void count_why(Entry const& entry, int more);
  Lane const* lane_of(std::string_view name) const;

  std::size_t most_;
  std::size_t size_ = 0;
  Labels campaigns_;
  std::vector<Entry> entries_;
  Index free_ = nil;
  std::vector<Index> buckets_;
  std::map<std::string, Lane, std::less<>> lanes_;
  List coming_;   ///< by the time of the call
  List here_;     ///< came lately: their other transactions come too
  List resting_;  ///< did not come; by the time at which they stand in line again
  std::array<std::size_t, whys> by_why_{};
  std::array<std::uint8_t, 256> counts_{};  ///< of each queue so far
  Duration come_within_ = std::chrono::seconds(5);
  std::uint64_t clock_ = 0;
};

template <class MayGoAt>
std::optional<Call> Register::call(std::string_view lane_name, MayGoAt&& may_go_at,
                                   Duration come_within, std::size_t& looks, TimePoint now) {
  auto const found = lanes_.find(lane_name);
  if (found == lanes_.end()) return std::nullopt;
  auto& lane = found->second;
  come_within_ = come_within;
  bring_back(lane, now);
  while (!lane.turns.empty() && looks != 0) {
    --looks;
    auto* const line = std::get<Line*>(*lane.turns.begin());
    auto const i = line->entries.head;
    auto const& entry = entries_[i];
    auto const at = entry.at > now ? entry.at : TimePoint(may_go_at(line->name, line->coming));
    if (at > now) {
      put_aside(*line, at);
      continue;
    }
    Call call{std::string(entry.name()), entry.queue};
    took_turn(*line);
    leave(i);
    enter(i, Where::Coming, now);
    ++called;
    return call;
  }
  return std::nullopt;
}

}  // namespace mailpool::parking
