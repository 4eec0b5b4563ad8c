#pragma once
// A path: a site as seen from one source. Providers count by the address that connects, so what is
// allowed, what was learned and what is held against us is kept here. (KumoMTA: egress path.)

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "core/config/settings.h"
#include "core/delivery/context.h"
#include "core/delivery/path_name.h"
#include "core/delivery/reactions.h"
#include "core/pool/growth.h"
#include "core/site/endpoint_health.h"
#include "core/site/scope.h"

namespace mailpool::delivery {

class Path {
 public:
  /// `settings` and `context` must outlive it.
  Path(PathName name, site::Source* source, SiteSettings const& settings, rules::Windows& windows,
       Context& context);
  Path(Path const&) = delete;
  Path& operator=(Path const&) = delete;

  [[nodiscard]] PathName const& name() const { return name_; }
  /// Null: the site's own path.
  [[nodiscard]] site::Source* source() const { return source_; }
  /// What is allowed has changed: by the settings, by a reply, by a time that is over.
  void follow(TimePoint now);
  /// Whether one more connection may be open.
  [[nodiscard]] bool has_room() const { return scope.connections.has_room(); }
  /// "rate reached (5/s) (adaptive: 421 slow down)"
  [[nodiscard]] std::string words_for(site::Limit limit) const;
  /// How the delivery to a recipient ended. A site has counts of its own.
  void count(OutcomeKind kind);
  /// As if it had no past.
  void start_anew(TimePoint now);
  [[nodiscard]] bool is_forgettable() const { return reactions.is_forgettable(); }

 private:
  [[nodiscard]] LevelSettings allowed() const;

  PathName name_;
  site::Source* source_;
  SiteSettings const& settings_;

 public:
  Reactions reactions;
  site::Scope scope;            ///< the limits as they are now, and what is used of them
  site::EndpointHealth health;  ///< of the site's hosts, as this source meets them
  pool::Backlog backlog;        ///< of those that lack a connection, over the looks at the queue
  std::size_t lacking = 0;      ///< of these, in this look
  Rare<OutcomeCounts> counts;   ///< of recipients, where it has a source
  bool is_used = false;         ///< kept by Paths
};

/// The paths of one site: its own one, of mail that has no source or where limits are counted over
/// all sources (per = "site"); and one for each source that has been looked at.
class Paths {
 public:
  /// All of these must outlive it.
  Paths(std::string const& site, SiteSettings const& settings, Context& context)
      : site_(site),
        settings_(settings),
        context_(context),
        own_({site, {}}, nullptr, settings, windows_, context) {}

  /// One that has no past is made when it is asked for: it is as if it had always been there. A
  /// look makes no use of it.
  [[nodiscard]] Path& of(site::Source* source) const;
  [[nodiscard]] Path& own() const { return own_; }
  /// Null: the scope is none of a path.
  [[nodiscard]] Path const* find(site::Scope const* scope) const;
  /// Mail has come that can leave by it.
  void use(site::Source* source);
  /// How many of them mail uses; one at least.
  [[nodiscard]] std::size_t used() const { return std::max<std::size_t>(used_, 1); }
  /// All mail takes the same one.
  [[nodiscard]] bool is_one() const { return used() == 1; }
  /// All of them, the own one first.
  template <class Visitor>
  void visit(Visitor&& visitor) const {
    visitor(own_);
    if (!others_) return;
    for (auto const& [source, path] : *others_) visitor(*path);
  }
  /// Those that mail uses; the own one while none has come.
  template <class Visitor>
  void visit_used(Visitor&& visitor) const {
    if (used_ == 0) return visitor(own_);
    visit([&](Path& path) {
      if (path.is_used) visitor(path);
    });
  }
  [[nodiscard]] bool is_forgettable() const;
  /// The settings have changed; what is used shows anew.
  void reconfigure(TimePoint now);
  void start_anew(TimePoint now);

 private:
  std::string const& site_;
  SiteSettings const& settings_;
  Context& context_;
  mutable rules::Windows windows_;
  mutable Path own_;
  using BySource = std::map<site::Source*, std::unique_ptr<Path>>;
  mutable std::unique_ptr<BySource> others_;  ///< null: none
  std::size_t used_ = 0;
};

}  // namespace mailpool::delivery
