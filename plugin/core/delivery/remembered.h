#pragma once
// Records that were kept over a restart and wait for the site or path that they are about.

#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/site/rate_record.h"
#include "core/site/scope.h"
#include "core/state/store.h"

namespace mailpool::delivery {

class Remembered {
 public:
  /// A record's key is its owner's ("google", "google/west"), or begins with it and a blank.
  void load(state::Store& store, state::Kind kind) {
    for (auto& record : store.take_loaded(kind)) {
      auto const blank = record.key.find(' ');
      auto& records = blank == std::string::npos ? own_ : further_;
      records.emplace(std::pair(kind, record.key.substr(0, blank)), std::move(record));
    }
  }
  /// Those under the owner's key itself.
  [[nodiscard]] std::vector<state::Record> take(state::Kind kind, std::string const& owner) {
    return take_from(own_, {kind, owner});
  }
  /// Limits that rules have set.
  [[nodiscard]] std::vector<state::Record> take_overrides(std::string const& owner) {
    return take_from(further_, {state::Kind::Adaptive, owner});
  }

  [[nodiscard]] bool has_overrides(std::string const& owner) const {
    return further_.contains({state::Kind::Adaptive, owner});
  }

  void add_use(site::RateKey key, std::string value) {
    use_.emplace(std::pair(std::move(key.level), std::move(key.name)),
                 Use(std::move(key.option), std::move(value)));
  }
  void restore_use(site::Scope& scope, WallTime wall_now, TimePoint now) {
    for (auto const& [option, value] :
         take_from(use_, {std::string(name_of(scope.level())), scope.name()}))
      scope.restore_use(option, value, wall_now, now);
  }

 private:
  using Use = std::pair<std::string, std::string>;  ///< option, value
  template <class Map, class Key = typename Map::key_type>
  static std::vector<typename Map::mapped_type> take_from(Map& map, Key const& key) {
    std::vector<typename Map::mapped_type> taken;
    auto const [begin, end] = map.equal_range(key);
    for (auto it = begin; it != end; ++it) taken.push_back(std::move(it->second));
    map.erase(begin, end);
    return taken;
  }

  using Records = std::multimap<std::pair<state::Kind, std::string>, state::Record>;
  Records own_;
  Records further_;
  std::multimap<std::pair<std::string, std::string>, Use> use_;
};

}  // namespace mailpool::delivery
