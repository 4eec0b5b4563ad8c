#pragma once
// Records that were kept over a restart and wait for the site that they are about.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/state/store.h"

namespace mailpool::delivery {

/// A record's key is its site's name, or begins with it and a blank.
class Remembered {
 public:
  void load(state::Store& store, state::Kind kind) {
    for (auto& record : store.take_loaded(kind)) {
      auto const site = record.key.substr(0, record.key.find(' '));
      records_.emplace(std::pair(kind, site), std::move(record));
    }
  }
  [[nodiscard]] std::vector<state::Record> take(state::Kind kind, std::string const& site) {
    std::vector<state::Record> taken;
    auto const [begin, end] = records_.equal_range({kind, site});
    for (auto it = begin; it != end; ++it) taken.push_back(std::move(it->second));
    records_.erase(begin, end);
    return taken;
  }

 private:
  std::multimap<std::pair<state::Kind, std::string>, state::Record> records_;
};

}  // namespace mailpool::delivery
