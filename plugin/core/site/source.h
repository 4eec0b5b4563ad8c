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
  [[nodiscard]] std::string words_for(Limit limit, Today const& today) const;

  Scope scope;
  WarmUpCounts warm_up;

 private:
  std::vector<IpAddress> addresses_;
  std::string ehlo_name_;
};

/// What an option `source` names: one source, or a pool. Which one a message gets goes by weight in
/// turn, evenly mixed.
class SourceGroup {
 public:
  struct Member {
    Source* source;
    std::uint32_t weight;
    std::int64_t credit = 0;
  };
  void reconfigure(std::vector<Member> members);
  /// The next in turn; null for an empty group.
  [[nodiscard]] Source* next();
  /// Whom next() will answer.
  [[nodiscard]] Source* whose_turn() const;
  [[nodiscard]] std::vector<Member> const& members() const { return members_; }

 private:
  std::vector<Member> members_;
};

}  // namespace mailpool::site
