#pragma once
// Which sites have a backlog in the MTA's queue, for the map: their mail takes a service of its own
// in Postfix, so that its queue manager, which takes the messages of one service in the order in
// which they came, does not let other mail stand behind theirs.

#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "core/base/time.h"
#include "core/parking/register.h"

namespace mailpool::parking {

class BackloggedSites {
 public:
  /// As many as Postfix hands over for one door at once.
  static constexpr std::size_t begins_with = 20;
  /// One that is over stays one for so long: each change is a new map.
  static constexpr Duration lasts = std::chrono::seconds(30);

  /// Looks at what waits. True: these are others than before.
  bool look(Register const& entries, TimePoint now);
  [[nodiscard]] std::set<std::string, std::less<>> const& sites() const { return sites_; }

 private:
  std::map<std::string, TimePoint, std::less<>> seen_;  ///< when something was waiting last
  std::set<std::string, std::less<>> sites_;
};

}  // namespace mailpool::parking
