#pragma once
// Tells Postfix's table which door each domain takes, and once a second that the manager is alive.
//
// A thread of its own does everything that touches the disk and everything that costs time with
// 65,536 domains; the loop only leaves notes. But the heartbeat says that the *loop* lives: the
// thread writes the time of the loop's last beat(), so a stalled disk elsewhere, a slow name
// service or a long log line cannot make it look dead, and a hung loop cannot look alive.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/base/log.h"
#include "core/base/time.h"
#include "core/config/settings.h"
#include "core/map/writer.h"
#include "manager/learned_domains.h"
#include "manager/map_directory.h"

namespace mailpool::manager {

/// What the map takes from the configuration.
struct MapSettings {
  map::Fallback default_fallback = map::Fallback::Smtp;
  std::map<std::string, map::Fallback> sites;        // the named ones
  std::map<std::string, std::string> named_domains;  // domain -> named site
  std::set<std::string> strict_domains;              // that require TLS, whatever their site does
  std::set<std::string> limited_domains;             // that have a rate of their own
  /// Whose rates are so low that a mailing to them waits: 10/s at most. "" stands for those without
  /// a name.
  std::set<std::string> slow_sites;
  std::vector<std::string> excluded_domains;
  /// How long mail that has limits waits for the manager before it takes its fallback "smtp".
  Duration short_absence = std::chrono::minutes(5);

  bool operator==(MapSettings const&) const = default;
};

/// A site that has a source, a login or a TLS requirement of its own waits for the manager: its
/// fallback is "defer".
[[nodiscard]] MapSettings map_settings(Settings const& settings);

/// By name.
struct Suspended {
  std::set<std::string, std::less<>> sites;
  std::set<std::string, std::less<>> domains;
  bool all = false;  ///< all mail, whatever its domain

  bool operator==(Suspended const&) const = default;
};

class MapPublisher {
 public:
  static constexpr Duration publish_at_most_every =
      std::chrono::seconds(5);  // for what was learned; the rest is urgent

  /// Starts the thread. `map_path` and the socket's name beside it are fixed until restart. The log
  /// must outlive it.
  MapPublisher(std::string map_path, std::string socket_name, Log& log);
  ~MapPublisher();
  MapPublisher(MapPublisher const&) = delete;
  MapPublisher& operator=(MapPublisher const&) = delete;

  // --- the loop's side: none of these blocks

  /// At start and on reload: doors first, then a map that names them.
  void reconfigure(MapSettings settings);
  /// `domain` belongs to `site` (a named one's name, or an automatic one's). As often as mail for
  /// it comes by; read with the next beat.
  void learn(std::string_view domain, std::string_view site);
  /// All sites and domains that are suspended now: their mail waits at its door while the manager
  /// is away.
  void set_suspended(Suspended suspended);
  /// All sites with so much mail in the MTA's queue that it takes a service of its own there.
  void set_backlogged(std::set<std::string, std::less<>> sites);
  /// From the next beat on the table takes the manager for away. (Not for a restart, which keeps
  /// the doors.)
  void set_draining(bool is_draining);
  /// To be called once a second by the loop, and once before reconfigure().
  void beat(TimePoint now);

  /// Of the map that was published last; 0: none was.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }

  /// Blocks until all of the above is on disk: for start-up, before readiness is announced, and for
  /// tests.
  void settle();

 private:
  struct Sighting {
    std::string domain;
    std::string site;
  };
  /// What the loop wants told; guarded by mutex_.
  struct Notes {
    std::optional<MapSettings> settings;
    std::vector<Sighting> sightings;
    std::optional<Suspended> suspended;
    std::optional<std::set<std::string, std::less<>>> backlogged;
    bool is_draining = false;
    std::optional<TimePoint> beat;
    bool stop = false;

    [[nodiscard]] bool is_empty() const {
      return !settings && !beat && !stop && !suspended && !backlogged;
    }
  };
  static constexpr std::size_t most_sightings = LearnedDomains::most;

  void work();
  void apply(Notes& notes);
  void publish_if_due();
  [[nodiscard]] map::Content content() const;
  void report(Result<void> const& done);

  Log& log_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable settled_;
  Notes notes_;
  bool is_idle_ = true;
  std::atomic<std::uint64_t> generation_ = 0;

  // The thread's own.
  MapDirectory directory_;
  MapSettings settings_;
  LearnedDomains learned_;
  Suspended suspended_;
  std::set<std::string, std::less<>> backlogged_;
  map::State state_ = map::State::Open;
  TimePoint now_{};
  TimePoint published_{};
  bool has_settings_ = false;
  bool doors_are_due_ = false;
  bool is_urgent_ = false;
  bool has_news_ = false;
  std::string trouble_;  // said once, until it changes

  std::thread thread_;
};

}  // namespace mailpool::manager
