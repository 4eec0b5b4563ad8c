#pragma once
// A store in memory, that a test can look into and take over into "the next start".

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/state/store.h"

namespace mailpool::fakes {

class MemoryStore final : public state::Store {
 public:
  std::vector<state::Record> take_loaded(state::Kind kind) override {
    return std::exchange(loaded_[kind], {});
  }
  void put(state::Kind kind, std::string key, std::string value, WallTime expires) override {
    records_[kind][key] = {key, std::move(value), expires};
    ++puts;
  }
  void erase(state::Kind kind, std::string key) override { records_[kind].erase(key); }

  /// As after a restart: what is kept now and has not expired is handed out again.
  void restart(WallTime now) {
    for (auto const kind : state::kinds) {
      auto& kept = records_[kind];
      std::erase_if(kept, [&](auto const& entry) { return entry.second.expires <= now; });
      loaded_[kind].clear();
      for (auto const& [key, record] : kept) loaded_[kind].push_back(record);
    }
  }
  [[nodiscard]] state::Record const* find(state::Kind kind, std::string const& key) const {
    auto const of_kind = records_.find(kind);
    if (of_kind == records_.end()) return nullptr;
    auto const it = of_kind->second.find(key);
    return it == of_kind->second.end() ? nullptr : &it->second;
  }
  [[nodiscard]] std::size_t size(state::Kind kind) const {
    auto const of_kind = records_.find(kind);
    return of_kind == records_.end() ? 0 : of_kind->second.size();
  }
  std::size_t puts = 0;

 private:
  std::map<state::Kind, std::map<std::string, state::Record>> records_;
  std::map<state::Kind, std::vector<state::Record>> loaded_;
};

}  // namespace mailpool::fakes
