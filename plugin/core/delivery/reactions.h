#pragma once
// What a path does about what its servers say and hide: rules, the adaptive allowance, learned
// caps. It decides; the site acts.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/settings.h"
#include "core/delivery/context.h"
#include "core/delivery/overrides.h"
#include "core/delivery/path_name.h"
#include "core/message/remark.h"
#include "core/rules/window.h"
#include "core/site/adaptive.h"
#include "core/site/learned_cap.h"
#include "core/site/wait.h"

namespace mailpool::delivery {

/// On what occasion a server said something.
struct Occasion {
  TimePoint began{};          ///< of the transaction; of the connection, where it got none
  TimePoint opened{};         ///< of the connection
  std::uint32_t carried = 0;  ///< transactions that the connection had carried before
  bool is_soon = true;        ///< soon after the server's last reply; matters between transactions
  std::string_view domain;
  std::string_view sender_domain;
  std::string_view source;  ///< "" without a [source.NAME]
  std::string_view tenant;
  std::string_view campaign;
  std::span<std::string_view const> recipients;  ///< of the transaction
};

/// A suspension of a part: "sender_domain example.org", "source west", "campaign spring".
struct PartHeld {
  std::string scope;
  site::Suspension why;
};

/// What the site has to do now.
struct Consequences {
  std::optional<site::Suspension> suspend;         ///< the site
  std::optional<site::Suspension> back_off;        ///< the host that said it
  bool is_for_all_paths = false;                   ///< back_off is
  std::optional<site::Suspension> suspend_source;  ///< the path's, at all sites
  std::optional<PartHeld> hold;                    ///< a part of the site's mail
  std::optional<Override> set_for_all;             ///< all paths of the site together
  std::string rule;                                ///< FILE:LINE of the one that acted
  bool is_changed = false;  ///< what is allowed: rate, max_connections or max_messages
  bool is_lowered = false;  ///< the rate is less than before
};

class Reactions {
 public:
  /// All of these must outlive it.
  Reactions(PathName const& path, SiteSettings const& settings, rules::Windows& windows,
            Context& context);
  /// The settings have changed.
  void reconfigure();

  // What is allowed now; never more than the settings say.
  [[nodiscard]] Rate rate() const;
  [[nodiscard]] std::uint32_t max_connections() const;
  [[nodiscard]] std::uint32_t max_messages() const;
  /// Why it is less than the settings say, in words; "" where it is not.
  [[nodiscard]] std::string why_lowered() const;

  // What happened.
  void started(TimePoint now) { adaptive_.started(now); }
  Consequences heard(std::span<Remark const> remarks, Occasion const& occasion, TimePoint now);
  /// A clean delivery, on a connection that has now carried so many.
  Consequences delivered(TimePoint began, std::uint32_t carried, TimePoint now);
  /// The server ended a connection without a word.
  Consequences ended(Occasion const& occasion, TimePoint now);
  /// What has expired is over.
  Consequences expire(TimePoint now);
  [[nodiscard]] TimePoint deadline() const;
  /// It is worth another try: all but learned caps is forgotten.
  void forget(TimePoint now);
  void forget_cap();

  // For status.
  [[nodiscard]] site::Adaptive const& adaptive() const { return adaptive_; }
  [[nodiscard]] site::LearnedCap const& cap() const { return cap_; }
  [[nodiscard]] Overrides const& overrides() const { return overrides_; }
  [[nodiscard]] bool is_forgettable() const {
    return !adaptive_.is_lowered() && overrides_.is_empty();
  }

 private:
  bool teaches_a_cap(Remark const& remark, Occasion const& occasion, TimePoint now);
  bool is_throttle(Remark const& remark, Occasion const& occasion, TimePoint now);
  void follow_rule(std::size_t number, Remark const& remark, Occasion const& occasion,
                   TimePoint now, Consequences& consequences);
  [[nodiscard]] std::optional<std::string> scope_of(RuleScope scope,
                                                    Occasion const& occasion) const;
  void act(RuleSettings const& rule, Remark const& remark, std::string const& scope,
           Occasion const& occasion, TimePoint now, Consequences& consequences);
  Consequences after_change(Consequences consequences, Rate const& before, TimePoint now);
  void recall();
  void keep_adaptive(TimePoint now) const;
  void keep_cap(TimePoint now) const;

  PathName const& path_;
  SiteSettings const& settings_;
  Context& context_;
  site::Adaptive adaptive_;
  site::LearnedCap cap_;
  rules::Windows& windows_;  ///< of all paths of the site: some rules count over them
  Overrides overrides_;
  /// Recipients that lately got a throttling reply to RCPT, by hash, with the time.
  std::map<std::size_t, TimePoint> refused_recipients_;
};

}  // namespace mailpool::delivery
