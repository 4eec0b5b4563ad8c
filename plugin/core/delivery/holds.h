#pragma once
// Parts of a site's mail that are held back for a time: that of a sender domain, a tenant or a
// campaign, that from a source.

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/delivery/context.h"
#include "core/site/wait.h"

namespace mailpool::delivery {

/// "source west": "source", "west".
[[nodiscard]] std::pair<std::string, std::string> parts_of(std::string const& scope);

class Holds {
 public:
  static constexpr std::size_t most = 1000;

  /// Both must outlive it.
  Holds(std::string const& site, Context& context) : site_(site), context_(context) {}

  /// Holds back the mail of "sender_domain example.org", "tenant shop", "campaign spring" or
  /// "source west". False: there are too many such holds.
  bool hold(std::string const& scope, site::Suspension why, TimePoint now);
  /// False where it is not held back.
  bool release(std::string const& scope);
  void release_all();
  void expire(TimePoint now);
  [[nodiscard]] TimePoint deadline() const;
  /// Tells the store of every one: the wall clock was set.
  void keep(TimePoint now);

  /// Null: it is not held back. "" is nobody.
  [[nodiscard]] site::Suspension const* of(std::string_view kind, std::string_view name,
                                           TimePoint now) const;
  /// Until then at least it is held back.
  [[nodiscard]] bool lasts(std::string const& scope, TimePoint until) const {
    auto const it = holds_.find(scope);
    return it != holds_.end() && it->second.until >= until;
  }
  /// By whom hold() was given; some may be over.
  [[nodiscard]] std::map<std::string, site::Suspension, std::less<>> const& all() const {
    return holds_;
  }
  [[nodiscard]] bool is_empty() const { return holds_.empty(); }

 private:
  void keep(std::string const& scope, site::Suspension& why, TimePoint now);

  std::string const& site_;
  Context& context_;
  std::map<std::string, site::Suspension, std::less<>> holds_;
};

}  // namespace mailpool::delivery
