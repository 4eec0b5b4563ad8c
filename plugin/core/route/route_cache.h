#pragma once
// What is known of domains, bounded: the least recently used is forgotten first.

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/time.h"
#include "core/route/known.h"

namespace mailpool::route {

class RouteCache {
 public:
  explicit RouteCache(std::size_t most) : most_(most) {}

  /// Null if unknown or expired. Valid until the next call that is not const.
  [[nodiscard]] Known const* find(std::string const& domain, TimePoint now);
  /// As find(), of one that is only looked at: it is not used by that.
  [[nodiscard]] Known const* peek(std::string const& domain, TimePoint now) const;
  Known const& insert(std::string const& domain, Known known);
  void clear();
  [[nodiscard]] std::size_t size() const { return by_domain_.size(); }

 private:
  void drop_expired(TimePoint now);

  struct Entry {
    std::string domain;
    Known known;
  };
  using Entries = std::list<Entry>;

  std::size_t const most_;
  Entries entries_;                                                    ///< most recently used first
  std::unordered_map<std::string_view, Entries::iterator> by_domain_;  ///< keys live in entries_
};

}  // namespace mailpool::route
