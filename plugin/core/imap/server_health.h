#pragma once
// Which of a profile's servers to log in to: the first that is not backing off.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"

namespace mailpool::imap {

class ServerHealth {
 public:
  explicit ServerHealth(std::size_t servers) : records_(servers) {}

  /// None: all of them are backing off, or none of the others `may` be taken.
  template <class May>
  [[nodiscard]] std::optional<std::size_t> choose(TimePoint now, May&& may) const {
    std::optional<std::size_t> second_best;
    for (std::size_t i = 0; i < records_.size(); ++i) {
      if (now < records_[i].not_before || !may(i)) continue;
      if (records_[i].failures == 0) return i;
      if (!second_best) second_best = i;
    }
    return second_best;
  }
  [[nodiscard]] std::optional<std::size_t> choose(TimePoint now) const {
    return choose(now, [](std::size_t) { return true; });
  }
  void note_success(std::size_t server) {
    if (server < records_.size()) records_[server] = {};
  }
  /// Half a second, doubled each time, at most 15 s.
  void note_failure(std::size_t server, std::string why, TimePoint now);
  /// It has connections enough: left alone for as long, and worth waiting for.
  void note_full(std::size_t server, std::string why, TimePoint now);
  /// Whether one of those that are backing off is only full.
  [[nodiscard]] bool is_one_full(TimePoint now) const;

  /// A server that failed and whose time to be tried again has come, while another one works: it is
  /// tried by a connection that nobody waits for.
  [[nodiscard]] std::optional<std::size_t> to_probe(TimePoint now) const;
  /// When the next server that is backing off may be tried again; never where none is.
  [[nodiscard]] TimePoint next_try(TimePoint now) const;
  /// When that will be next.
  [[nodiscard]] TimePoint next_probe() const;
  void begin_probe(std::size_t server) { records_[server].is_probed = true; }
  /// It could not be probed: it is to be again.
  void put_off_probe(std::size_t server) { records_[server].is_probed = false; }
  /// How its failure reads, "" where there was none.
  [[nodiscard]] std::string const& last_error(std::size_t server) const {
    return records_[server].why;
  }
  /// Its last connection failed, whether its time to be tried again has come or not.
  [[nodiscard]] bool is_down(std::size_t server) const { return !records_[server].why.empty(); }
  [[nodiscard]] bool are_all_down() const {
    return std::all_of(records_.begin(), records_.end(),
                       [](auto const& r) { return !r.why.empty(); });
  }
  [[nodiscard]] std::size_t size() const { return records_.size(); }

 private:
  struct Record {
    unsigned failures = 0;
    TimePoint not_before{};
    std::string why;
    bool is_probed = false;
    bool is_full = false;
  };
  [[nodiscard]] bool has_other(std::size_t server) const;
  std::vector<Record> records_;
};

}  // namespace mailpool::imap
