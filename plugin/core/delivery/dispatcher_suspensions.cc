// The operator's and the rules' hand: who is suspended, and until when.

#include "core/delivery/dispatcher.h"
#include "core/delivery/telling.h"
#include "core/message/address.h"
#include "core/site/suspension_record.h"

namespace mailpool::delivery {

namespace {

// What an automatic site is called after.
bool is_host_name(std::string const& name) {
  auto const canonical = canonical_domain(name);
  return canonical && *canonical == name && name.find('.') != std::string::npos;
}

}  // namespace

bool Dispatcher::suspend_site(std::string const& name, site::Suspension suspension, TimePoint now) {
  auto* site = find(name);
  if (site == nullptr && (settings_.sites.contains(name) || is_host_name(name)))
    site = &site_by_name(name);
  if (site == nullptr) return false;
  site->suspend(std::move(suspension), now);
  note_busy(*site);
  return true;
}

bool Dispatcher::resume_site(std::string const& name, TimePoint now) {
  auto* site = find(name);
  if (site == nullptr) return false;
  site->resume(now);
  note_busy(*site);
  return true;
}

bool Dispatcher::suspend_scope(std::string const& site, std::string const& scope,
                               site::Suspension suspension, TimePoint now) {
  auto* found = find(site);
  if (found == nullptr && (settings_.sites.contains(site) || is_host_name(site)))
    found = &site_by_name(site);
  if (found == nullptr) return false;
  bool const is_held = found->hold(scope, std::move(suspension), now);
  note_busy(*found);
  return is_held;
}

bool Dispatcher::resume_scope(std::string const& site, std::string const& scope, TimePoint now) {
  auto* const found = find(site);
  return found != nullptr && found->release(scope, now);
}

void Dispatcher::suspend_domain(std::string const& domain, site::Suspension suspension,
                                TimePoint now) {
  auto& limits = domain_scope(domain);
  limits.suspension = std::move(suspension);
  suspended_domains_.insert(domain);
  tell_suspended(context_, {"domain", domain, {}}, *limits.suspension, now);
  keep_suspension("domain", domain, *limits.suspension, now);
  auto* const site = known_.site_of(domain);
  if (site == nullptr) return;
  site->defer_domain(domain, suspended(domain, *limits.suspension, context_.clock), now);
}

// What was used of its rates is forgotten, and its suspension ends. False: there was neither.
bool Dispatcher::resume(std::string_view what, site::Scope& scope, TimePoint now) {
  bool const was_used = scope.forget_use(context_.store, now);
  look_again_at_all(now);
  if (!scope.suspension) return was_used;
  if (scope.is_suspended(now)) tell_resumed(context_, {std::string(what), scope.name(), {}}, now);
  scope.suspension.reset();
  context_.store.erase(state::Kind::Suspension, site::suspension_key(what, scope.name()));
  try_parked(now);
  return true;
}

bool Dispatcher::resume_domain(std::string const& domain, TimePoint now) {
  auto const it = limits_.find(domain);
  if (it == limits_.end()) return false;
  suspended_domains_.erase(domain);
  return resume("domain", it->second, now);
}

void Dispatcher::suspend_tenant(std::string const& name, site::Suspension suspension,
                                TimePoint now) {
  auto& scope = context_.scopes.tenant(name).scope;
  scope.suspension = std::move(suspension);
  tell_suspended(context_, {"tenant", name, {}}, *scope.suspension, now);
  keep_suspension("tenant", name, *scope.suspension, now);
  auto const outcome = suspended(scope.title(), *scope.suspension, context_.clock);
  for (auto& [unused, site] : sites_) site->defer_tenant(scope, outcome, now);
}

bool Dispatcher::resume_tenant(std::string const& name, TimePoint now) {
  auto* const tenant = context_.scopes.find_tenant(name);
  return tenant != nullptr && resume("tenant", tenant->scope, now);
}

bool Dispatcher::suspend_source(std::string const& name, site::Suspension suspension,
                                TimePoint now) {
  auto* const source = context_.scopes.find_source(name);
  if (source == nullptr) return false;
  source->scope.suspension = std::move(suspension);
  tell_suspended(context_, {"source", name, {}}, *source->scope.suspension, now);
  keep_suspension("source", name, *source->scope.suspension, now);
  for (auto& [unused, site] : sites_) site->defer_held(now);
  return true;
}

bool Dispatcher::resume_source(std::string const& name, TimePoint now) {
  auto* const source = context_.scopes.find_source(name);
  if (source != nullptr) static_cast<void>(resume("source", source->scope, now));
  return source != nullptr;
}

bool Dispatcher::suspend_campaign(std::string const& name, site::Suspension suspension,
                                  TimePoint now) {
  auto const told = suspension;
  if (!context_.campaigns.suspend(name, std::move(suspension), context_.store,
                                  context_.clock.wall(now), now))
    return false;
  tell_suspended(context_, {"campaign", name, {}}, told, now);
  for (auto& [unused, site] : sites_) site->defer_held(now);
  return true;
}

bool Dispatcher::resume_campaign(std::string const& name, TimePoint now) {
  if (!context_.campaigns.resume(name, context_.store, now)) return false;
  tell_resumed(context_, {"campaign", name, {}}, now);
  try_parked(now);
  return true;
}

bool Dispatcher::resume_level(std::string const& scope, TimePoint now) {
  auto const [kind, name] = parts_of(scope);
  if (kind == "source") return resume_source(name, now);
  site::Scope* found = nullptr;
  if (kind == "total") found = &context_.scopes.total();
  if (kind == "sender_domain")
    if (auto* const sender = context_.scopes.find_sender_domain(name)) found = &sender->scope;
  if (found == nullptr) return false;
  (void)found->forget_use(context_.store, now);
  look_again_at_all(now);
  return true;
}

// Where something waits, it may wait no more.
void Dispatcher::look_again_at_all(TimePoint now) {
  for (auto const* site : busy_) find(site->name())->look_again(now);
}

void Dispatcher::suspend_all(site::Suspension suspension, TimePoint now) {
  auto& held = context_.all_suspended.emplace(std::move(suspension));
  tell_suspended(context_, {"all", "all", {}}, held, now);
  keep_suspension("all", "all", held, now);
  auto const outcome = suspended(all_mail, held, context_.clock);
  for (auto& [name, site] : sites_) site->defer_waiting(outcome, parking::Why::Suspended, now);
}

bool Dispatcher::resume_all(TimePoint now) {
  if (all_suspended(now) == nullptr) return false;
  context_.all_suspended.reset();
  tell_resumed(context_, {"all", "all", {}}, now);
  try_parked(now);
  context_.store.erase(state::Kind::Suspension, site::suspension_key("all", "all"));
  return true;
}

}  // namespace mailpool::delivery
