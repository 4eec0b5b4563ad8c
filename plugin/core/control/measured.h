#pragma once
// What the page for Prometheus has beyond status: how long things took, and counts by names of
// which there may be many.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/stage_times.h"

namespace mailpool::control {

/// Recipients.
struct MeasuredOutcomes {
  std::uint64_t delivered = 0;
  std::uint64_t deferred = 0;
  std::uint64_t refused = 0;
};

struct MeasuredPath {
  std::string source;             ///< "": the site's own
  MeasuredOutcomes recipients;    ///< of one that has a source
  std::uint64_t connections = 0;  ///< open
  // What it is allowed now.
  std::uint64_t max_connections = 0;
  double rate = 0;   ///< messages a second; 0: no limit
  double level = 1;  ///< what adaptive limits leave of what is configured
};

struct MeasuredSite {
  std::optional<StageTimes> times;                ///< none since it rested last
  std::map<std::string, std::uint64_t> refusals;  ///< by class, since it is known
  std::vector<MeasuredPath> paths;                ///< that mail uses
};

/// Of this process, as the kernel counts.
struct MeasuredProcess {
  double cpu_seconds = 0;
  double started = 0;  ///< seconds of the epoch
  std::uint64_t resident = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
};

struct Measured {
  StageTimes times;                            ///< of all sites
  Histogram turns;                             ///< of the event loop
  std::map<std::string, std::uint64_t> rules;  ///< how often each [[rule]] acted, by FILE:LINE
  std::map<std::string, MeasuredSite> sites;   ///< those asked for
  MeasuredProcess process;
};

}  // namespace mailpool::control
