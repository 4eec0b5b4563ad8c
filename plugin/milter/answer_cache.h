#pragma once
// Answers that may be remembered for a moment: "no limit is behind this", and "not before then".

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/admission/protocol.h"
#include "core/base/time.h"

namespace mailpool::milter {

/// For many threads at once; bounded.
class AnswerCache {
 public:
  static constexpr std::size_t most = 4096;
  using Time = std::chrono::steady_clock::time_point;

  explicit AnswerCache(Duration longest) : longest_(longest) {}

  [[nodiscard]] std::optional<admission::Answer> find(std::string const& domain,
                                                      std::string const& tenant, Time now);
  void remember(std::string const& domain, std::string const& tenant,
                admission::Answer const& answer, Time now);
  [[nodiscard]] std::size_t size();

 private:
  struct Entry {
    admission::Answer answer;
    Time until;
  };
  static std::string key_of(std::string const& domain, std::string const& tenant);

  Duration const longest_;
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace mailpool::milter
