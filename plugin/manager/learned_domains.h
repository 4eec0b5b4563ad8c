#pragma once
// Which site a domain turned out to belong to: bounded, least recently used out, forgotten after a
// day without mail.

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/time.h"

namespace mailpool::manager {

class LearnedDomains {
 public:
  struct Domain {
    std::string name;
    std::string site;
    TimePoint used;
  };
  static constexpr std::size_t most = 65'536;
  static constexpr Duration kept_for = std::chrono::hours(24);

  explicit LearnedDomains(std::size_t bound = most) : bound_(bound) {}

  /// True if that is news: the domain was unknown, or known to belong to another site.
  bool learn(std::string_view domain, std::string_view site, TimePoint now);

  /// True if something was forgotten.
  bool expire(TimePoint now);

  /// The most recently used first.
  [[nodiscard]] std::list<Domain> const& domains() const { return domains_; }

 private:
  std::size_t bound_;
  std::list<Domain> domains_;
  std::unordered_map<std::string_view, std::list<Domain>::iterator>
      by_name_;  // views into domains_
};

}  // namespace mailpool::manager
