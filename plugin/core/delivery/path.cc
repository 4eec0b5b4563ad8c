#include "core/delivery/path.h"

#include <fmt/format.h>

#include <algorithm>

namespace mailpool::delivery {

using site::Limit;

Path::Path(PathName name, site::Source* source, SiteSettings const& settings,
           rules::Windows& windows, Context& context)
    : name_(name),
      source_(source),
      settings_(settings),
      reactions(name_, settings_, windows, context),
      scope(name_.source.empty() ? site::Level::Site : site::Level::Path, name_.key()) {
  auto const now = context.clock.now();
  follow(now);  // it may have been lowered before a restart
  context.remembered.restore_use(scope, context.clock.wall(now), now);
}

LevelSettings Path::allowed() const {
  LevelSettings allowed;
  allowed.max_connections = reactions.max_connections();
  allowed.rate = reactions.rate();
  allowed.recipient_rate = settings_.recipient_rate;
  allowed.connect_rate = settings_.connect_rate;
  return allowed;
}

void Path::follow(TimePoint now) {
  scope.reconfigure(allowed(), now);
}

void Path::count(OutcomeKind kind) {
  if (source_ == nullptr) return;
  if (!counts) counts = OutcomeCounts();
  counts->count(kind);
}

void Path::start_anew(TimePoint now) {
  health.clear();
  reactions.forget(now);
  follow(now);
}

std::string Path::words_for(Limit limit) const {
  auto words = scope.words_for(limit);
  bool const is_less =
      (limit == Limit::Rate && scope.rate.rate() != settings_.rate) ||
      (limit == Limit::MaxConnections && scope.connections.most() != settings_.max_connections);
  if (is_less) words += fmt::format(" ({})", reactions.why_lowered());
  return words;
}

Path& Paths::of(site::Source* source) const {
  if (source == nullptr || settings_.per == CountedPer::Site) return own_;
  if (!others_) others_ = std::make_unique<BySource>();
  auto& path = (*others_)[source];
  if (!path)
    path = std::make_unique<Path>(PathName{site_, source->name()}, source, settings_, windows_,
                                  context_);
  return *path;
}

void Paths::use(site::Source* source) {
  auto& path = of(source);
  if (!std::exchange(path.is_used, true)) ++used_;
}

Path const* Paths::find(site::Scope const* scope) const {
  Path const* found = nullptr;
  visit([&](Path const& path) {
    if (&path.scope == scope) found = &path;
  });
  return found;
}

void Paths::reconfigure(TimePoint now) {
  used_ = 0;
  visit([&](Path& path) {
    path.is_used = false;
    path.reactions.reconfigure();
    path.follow(now);
  });
}

void Paths::start_anew(TimePoint now) {
  visit([&](Path& path) { path.start_anew(now); });
}

bool Paths::is_forgettable() const {
  bool is_forgettable = true;
  visit_used([&](Path const& path) { is_forgettable = is_forgettable && path.is_forgettable(); });
  return is_forgettable;
}

}  // namespace mailpool::delivery
