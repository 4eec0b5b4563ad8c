#pragma once
// What Prometheus reads, in the text format that it asks for.
//
// Names of sites come from the outside (MX hosts), so the number of labels is bounded: a fixed
// number of sites have a label of their own, all others are "other".

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/control/measured.h"
#include "core/control/snapshot.h"

namespace mailpool::control {

enum class Exposition : std::uint8_t {
  Text,         ///< Prometheus' own, 0.0.4
  OpenMetrics,  ///< 1.0.0
};

/// Remembers which sites have a label, so that no counter runs backwards when the busiest change.
class Metrics {
 public:
  explicit Metrics(std::size_t most_sites = 50) : most_sites_(most_sites) {}
  /// Where there are more already, they keep their labels as long as they are known.
  void set_most_sites(std::size_t most) { most_sites_ = most; }

  /// `status` should hold as many sites as the manager gives. Sites of the configuration get labels
  /// first, then whichever are shown first; a label is kept as long as its site is known.
  [[nodiscard]] std::string text(ManagerStatus const& status, Exposition format = Exposition::Text,
                                 Measured const& measured = {});
  /// Which sites have a label of their own on the page of this status.
  [[nodiscard]] std::vector<std::string> sites_for(ManagerStatus const& status);

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
  void choose_campaigns(ManagerStatus const& status);
  static void add(SiteCounts& to, SiteCounts const& counts);
  [[nodiscard]] SiteCounts others(Totals const& totals);
  static SiteCounts counts_of(SiteStatus const& site);

  std::size_t most_sites_;
  std::map<std::string, Labelled> labelled_;
  std::set<std::string> campaigns_;  // that have a label
  SiteCounts retired_;  // of sites that lost their label, and of counters that began anew
  SiteCounts others_;   // as told last
};

}  // namespace mailpool::control
