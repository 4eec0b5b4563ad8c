#include "core/delivery/together.h"

namespace mailpool::delivery {

Together::Together(std::string const& site, SiteSettings const& settings, Context& context)
    : site_(site), settings_(settings), context_(context) {
  follow(context.clock.now());
}

bool Together::are_wanted() const {
  return settings_.site_max_connections != 0 || settings_.site_rate.is_limited() ||
         settings_.site_recipient_rate.is_limited() || settings_.site_connect_rate.is_limited() ||
         context_.remembered.has_overrides(PathName{site_, "*"}.key());
}

// Once made they stay: connections hold permits of them.
Together::Limits& Together::limits() {
  if (!limits_) limits_ = std::make_unique<Limits>(site_, context_);
  return *limits_;
}

void Together::follow(TimePoint now) {
  if (!limits_ && !are_wanted()) return;
  auto const& overrides = limits().overrides;
  LevelSettings allowed;
  auto const most = settings_.site_max_connections;
  allowed.max_connections =
      overrides.tightened_connections(most == 0 ? std::nullopt : std::optional(most));
  allowed.rate = overrides.tightened(settings_.site_rate);
  allowed.recipient_rate = settings_.site_recipient_rate;
  allowed.connect_rate = settings_.site_connect_rate;
  limits_->scope.reconfigure(allowed, now);
  // What was used before a restart means something once there is a limit.
  context_.remembered.restore_use(limits_->scope, context_.clock.wall(now), now);
}

void Together::set(Override override, TimePoint now) {
  limits().overrides.set(std::move(override));
  follow(now);
}

void Together::expire(TimePoint now) {
  if (limits_ && limits_->overrides.expire(now)) follow(now);
}

void Together::forget(TimePoint now) {
  if (!limits_) return;
  limits_->overrides.clear();
  static_cast<void>(limits_->scope.forget_use(context_.store, now));
  follow(now);
}

void Together::keep_use(TimePoint now) const {
  if (limits_) limits_->scope.keep_use(context_.store, context_.clock.wall(now), now);
}

}  // namespace mailpool::delivery
