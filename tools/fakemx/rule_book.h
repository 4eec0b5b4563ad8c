#pragma once
// Which rule is meant now.

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "fakemx/script.h"

namespace mailpool::fakemx {

/// A moment of a conversation, as far as conditions ask for it.
struct Occasion {
  Stage stage = Stage::Connect;
  std::uint64_t connection = 0;
  std::uint64_t listener = 0;
  std::uint64_t message = 0;
  std::uint64_t total = 0;
  std::uint64_t recipient = 0;
  std::uint64_t chunk = 0;
  std::string_view helo;
  std::string_view from;
  std::span<std::string const> to;  ///< any of them may match
  bool tls = false;
  std::uint64_t at = 0;
  Duration idle_before{};  ///< how much of idle_for has been asked about already
  Duration idle_for{};
};

/// The rules in force, and how often each has been met.
class RuleBook {
 public:
  explicit RuleBook(std::uint64_t seed = 1) : random_(seed) {}

  /// Takes the place of all rules; their counts begin anew.
  void replace(std::vector<Rule> rules);
  void append(std::vector<Rule> rules);

  /// The first rule that is meant, or null. It lives on, whatever happens to the book, while the
  /// pointer is held.
  [[nodiscard]] std::shared_ptr<Rule const> select(Occasion const& occasion);

  [[nodiscard]] bool speaks_of(Stage stage) const { return stages_.has(stage); }
  /// The smallest `at` of a body rule that may be meant, from `occasion.at` on; UINT64_MAX if there
  /// is none.
  [[nodiscard]] std::uint64_t next_body_stop(Occasion const& occasion) const;
  /// The shortest `after` of an idle rule that may be meant, longer than `occasion.idle_for`; zero
  /// if there is none.
  [[nodiscard]] Duration next_idle_stop(Occasion const& occasion) const;

 private:
  struct Entry {
    std::shared_ptr<Rule const> rule;
    std::uint64_t met = 0;
  };
  std::vector<Entry> entries_;
  StageSet stages_;
  std::mt19937_64 random_;
};

}  // namespace mailpool::fakemx
