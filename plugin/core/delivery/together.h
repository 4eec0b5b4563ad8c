#pragma once
// What is counted over all paths of a site together: site_rate and its like, as rules have
// tightened them.

#include <memory>

#include "core/config/settings.h"
#include "core/delivery/overrides.h"
#include "core/site/scope.h"

namespace mailpool::delivery {

/// Most sites have no such limits: then it is a pointer to nothing.
class Together {
 public:
  /// All of these must outlive it.
  Together(std::string const& site, SiteSettings const& settings, Context& context);

  /// Null: no limits.
  [[nodiscard]] site::Scope* scope() const { return limits_ ? &limits_->scope : nullptr; }
  [[nodiscard]] Overrides const* overrides() const {
    return limits_ ? &limits_->overrides : nullptr;
  }

  [[nodiscard]] site::Wait may_begin(std::uint32_t recipients, TimePoint now) const {
    return limits_ ? limits_->scope.may_begin(recipients, now) : site::Wait{};
  }
  [[nodiscard]] site::Wait may_open(TimePoint now) const {
    return limits_ ? limits_->scope.may_open(now) : site::Wait{};
  }
  [[nodiscard]] bool has_room() const { return !limits_ || limits_->scope.connections.has_room(); }
  [[nodiscard]] bool is_exceeded() const {
    return limits_ && limits_->scope.connections.is_exceeded();
  }
  [[nodiscard]] std::uint32_t tightened_messages(std::uint32_t allowed) const {
    return limits_ ? limits_->overrides.tightened_messages(allowed) : allowed;
  }
  void begin(std::uint32_t recipients, TimePoint now) {
    if (limits_) static_cast<void>(limits_->scope.begin(recipients, now));
  }
  [[nodiscard]] site::Permit open(TimePoint now) {
    return limits_ ? limits_->scope.open(now) : site::Permit();
  }

  void set(Override override, TimePoint now);
  /// The settings have changed.
  void follow(TimePoint now);
  void expire(TimePoint now);
  [[nodiscard]] TimePoint deadline() const {
    return limits_ ? limits_->overrides.deadline() : never;
  }
  /// What rules have set, and what was used.
  void forget(TimePoint now);
  void keep_use(TimePoint now) const;
  [[nodiscard]] bool is_forgettable() const { return !limits_ || limits_->overrides.is_empty(); }

 private:
  struct Limits {
    PathName name;
    Overrides overrides;
    site::Scope scope;
    Limits(std::string const& site, Context& context)
        : name{site, "*"}, overrides(name, context), scope(site::Level::AllPaths, site) {}
  };
  Limits& limits();
  [[nodiscard]] bool are_wanted() const;

  std::string const& site_;
  SiteSettings const& settings_;
  Context& context_;
  std::unique_ptr<Limits> limits_;
};

}  // namespace mailpool::delivery
