#pragma once
// Where mail is sent from: sources with limits of their own, and groups of them that share the work
// by weight.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ip.h"
#include "core/config/level_settings.h"
#include "core/site/scope.h"
#include "core/site/warm_up.h"

namespace mailpool::site {

/// One [source.NAME]. Lives as long as its connections.
class Source {
 public:
  explicit Source(std::string name) : scope(Level::Source, std::move(name)) {}
  void reconfigure(SourceSettings const& settings, TimePoint now);

  [[nodiscard]] std::string const& name() const { return scope.name(); }
  /// "": the manager's own.
  [[nodiscard]] std::string const& ehlo_name() const { return ehlo_name_; }
  [[nodiscard]] std::vector<IpAddress> const& addresses() const { return addresses_; }
  /// Whether it can send to addresses of this family.
  [[nodiscard]] bool reaches(IpAddress::Family family) const {
    return addresses_.empty() || address_for(family).has_value();
  }
  /// Nothing: the kernel chooses.
  [[nodiscard]] std::optional<IpAddress> address_for(IpAddress::Family family) const;
  /// What a transaction to `site` has to wait for here, connections aside.
  [[nodiscard]] Wait may_begin(std::string const& site, std::uint32_t recipients,
                               Today const& today, TimePoint now) const;
  /// "rate reached (5/s)", "warm_up reached (50 messages today)".
  [[nodiscard]] std::string words_for(Limit limit, std::string const& site,
                                      Today const& today) const;

  Scope scope;
  WarmUpProgress warm_up;

 private:
  std::vector<IpAddress> addresses_;
  std::string ehlo_name_;
};

/// What an option `source` names: one source, or a pool. Which one a message gets goes by weight in
/// turn, evenly mixed: each has a credit of messages, which grows by its weight with every message
/// of the group and is paid by who sends. What a source could not send for long is not made up for
/// later: credits are bounded.
class SourceGroup {
 public:
  struct Member {
    Source* source;
    std::uint32_t weight;
    std::int64_t credit = 0;
  };
  /// So many rounds, at most, are made up for.
  static constexpr std::int64_t most_rounds = 10;

  void reconfigure(std::vector<Member> members, bool spills = true);
  /// Whose turn it is; null for an empty group.
  [[nodiscard]] Source* whose_turn() const;
  /// This one sends the next message, whosever turn it was.
  void take_turn(Source const& source);
  /// Another than `before`, who has taken his turn, sends it.
  void move_turn(Source const& before, Source const& now);
  /// Whether others take over what a source may not send now.
  [[nodiscard]] bool spills() const { return spills_; }
  [[nodiscard]] std::vector<Member> const& members() const { return members_; }

 private:
  void pay(Source const& source, std::int64_t amount);
  std::vector<Member> members_;
  std::int64_t sum_ = 0;  ///< of the weights
  bool spills_ = true;
};

}  // namespace mailpool::site
