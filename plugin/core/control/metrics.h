#pragma once
// What Prometheus reads: text of the exposition format 0.0.4, and the little HTTP that it is asked
// for with.
//
// Names of sites come from the outside (MX hosts), so the number of labels is bounded: a fixed
// number of sites have a label of their own, all others are "other".

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/control/snapshot.h"

namespace mailpool::control {

/// Remembers which sites have a label, so that no counter runs backwards when the busiest change.
class Metrics {
 public:
  explicit Metrics(std::size_t most_sites = 50) : most_sites_(most_sites) {}

  /// `status` should hold as many sites as the manager gives. Sites of the configuration get labels
  /// first, then whichever are shown first; a label is kept as long as its site is known.
  [[nodiscard]] std::string text(ManagerStatus const& status);

 private:
  struct SiteCounts {
    std::uint64_t delivered = 0;
    std::uint64_t deferred = 0;
    std::uint64_t refused = 0;
    std::uint64_t opened = 0;
    std::uint64_t reused = 0;
  };
  struct Labelled {
    SiteCounts counts;
    SiteStatus const* now = nullptr;  // valid during text() only
  };
  void choose(ManagerStatus const& status);
  static void add(SiteCounts& to, SiteCounts const& counts);
  [[nodiscard]] SiteCounts others(Totals const& totals);
  static SiteCounts counts_of(SiteStatus const& site);

  std::size_t most_sites_;
  std::map<std::string, Labelled> labelled_;
  SiteCounts retired_;  // of sites that lost their label, and of counters that began anew
  SiteCounts others_;   // as told last
};

/// What an HTTP request wants whose head (up to the empty line) is `head`.
enum class HttpWant : std::uint8_t { Metrics, MetricsHead, NotFound, BadMethod, BadRequest };
[[nodiscard]] HttpWant read_http_head(std::string_view head);
[[nodiscard]] std::string http_answer(HttpWant want, std::string const& metrics);

}  // namespace mailpool::control
