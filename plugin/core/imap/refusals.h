#pragma once
// Logins that the server has just refused: asked again, they are refused here, and more slowly each
// time.

#include <cstdint>
#include <map>
#include <string>

#include "core/base/time.h"
#include "core/imap/verifier.h"

namespace mailpool::imap {

class Refusals {
 public:
  struct Refusal {
    std::string text;  ///< the server's own
    TimePoint until{};
    unsigned times = 1;
  };

  void note(Verifier const& verifier, std::string text, TimePoint now);
  /// Null where the server has to be asked. Counts the question.
  [[nodiscard]] Refusal const* find(Verifier const& verifier, TimePoint now);
  [[nodiscard]] static Duration delay_of(Refusal const& refusal);
  void forget_all() { refused_.clear(); }
  [[nodiscard]] std::size_t size() const { return refused_.size(); }

  static constexpr std::size_t most = 10'000;
  static constexpr Duration kept = std::chrono::seconds(10);

 private:
  std::map<Verifier, Refusal> refused_;
};

}  // namespace mailpool::imap
