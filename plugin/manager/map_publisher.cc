#include "manager/map_publisher.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/delivery/overrides.h"

namespace mailpool::manager {

namespace {

map::Fallback fallback_for(bool must_wait, bool has_limits) {
  if (must_wait) return map::Fallback::Defer;
  return has_limits ? map::Fallback::Wait : map::Fallback::Smtp;
}

// The more patient of two.
map::Fallback stricter(map::Fallback a, map::Fallback b) {
  auto const rank = [](map::Fallback f) {
    return f == map::Fallback::Defer ? 2 : f == map::Fallback::Wait ? 1 : 0;
  };
  return rank(a) >= rank(b) ? a : b;
}

template <class Level>
bool has_a_rate(Level const& level) {
  return level.rate.is_limited() || level.recipient_rate.is_limited();
}

// Of all mail, whatever its domain.
bool has_a_rate_for_all(Settings const& settings) {
  auto const any = [](auto const& levels) {
    return std::any_of(levels.begin(), levels.end(),
                       [](auto const& level) { return has_a_rate(level.second); });
  };
  return has_a_rate(settings.smtp) || settings.smtp.connect_rate.is_limited() ||
         has_a_rate(settings.total) || any(settings.tenants) || any(settings.sender_domains);
}

// Postfix hands over 20 messages for a door at once, and what cannot begin within two seconds waits
// in its queue.
bool is_slow(Rate const& rate, std::size_t paths) {
  return delivery::is_slower({rate.count * paths, rate.per}, {10, std::chrono::seconds(1)});
}

bool is_slow(SiteSettings const& site, Settings const& settings) {
  auto const pool = settings.pools.find(site.source);
  bool const is_divided = pool != settings.pools.end() && site.per == CountedPer::Path;
  auto const paths = is_divided ? std::max<std::size_t>(pool->second.sources.size(), 1) : 1;
  return is_slow(site.rate, paths) || is_slow(site.recipient_rate, paths) ||
         is_slow(site.site_rate, 1) || is_slow(site.site_recipient_rate, 1);
}

bool promises(TlsLevel level) {
  return level != TlsLevel::None && level != TlsLevel::May && level != TlsLevel::Auto;
}

// What plain smtp(8) would not do in our place.
bool has_a_promise(SiteSettings const& site) {
  return site.fallback == Fallback::Defer || promises(site.tls) || !site.source.empty();
}

// The map knows domains, not patterns: a login for all of them, or for all below a parent, holds up
// every domain rather than let one leave by another way. Domains with a login of their own are told
// one by one (see Manager::note_suspended).
bool may_log_in_anywhere(Settings const& settings) {
  return std::any_of(settings.route_logins.begin(), settings.route_logins.end(),
                     [](auto const& r) { return r.first == "*" || r.first.starts_with('.'); });
}

}  // namespace

MapSettings map_settings(Settings const& settings) {
  MapSettings map;
  bool const all_wait = settings.postfix.fallback == Fallback::Defer ||
                        has_a_promise(settings.smtp) || may_log_in_anywhere(settings);
  bool const all_limited = has_a_rate_for_all(settings);
  if (is_slow(settings.smtp, settings)) map.slow_sites.insert("");
  map.default_fallback = fallback_for(all_wait, all_limited);
  for (auto const& [name, site] : settings.sites) {
    bool const inherits = site.settings.fallback == settings.smtp.fallback;
    bool const waits =
        has_a_promise(site.settings) || (inherits && settings.postfix.fallback == Fallback::Defer);
    map.sites.emplace(name, fallback_for(waits, true));
    if (is_slow(site.settings, settings)) map.slow_sites.insert(name);
    for (auto const& domain : site.domains) map.named_domains.emplace(domain, name);
  }
  for (auto const& [domain, own] : settings.domains)
    if (own.tls && promises(*own.tls))
      map.strict_domains.insert(domain);
    else if (has_a_rate(own))
      map.limited_domains.insert(domain);
  map.excluded_domains = settings.postfix.exclude_domains;
  map.short_absence = settings.postfix.short_absence;
  return map;
}

MapPublisher::MapPublisher(std::string map_path, std::string socket_name, Log& log)
    : log_(log),
      directory_(std::move(map_path), std::move(socket_name)),
      thread_([this] { work(); }) {}

MapPublisher::~MapPublisher() {
  {
    std::lock_guard const lock(mutex_);
    notes_.stop = true;
  }
  wake_.notify_one();
  thread_.join();
}

void MapPublisher::reconfigure(MapSettings settings) {
  {
    std::lock_guard const lock(mutex_);
    notes_.settings = std::move(settings);
  }
  wake_.notify_one();
}

void MapPublisher::learn(std::string_view domain, std::string_view site) {
  std::lock_guard const lock(mutex_);
  if (notes_.sightings.size() < most_sightings)
    notes_.sightings.push_back({std::string(domain), std::string(site)});
}

void MapPublisher::set_suspended(Suspended suspended) {
  {
    std::lock_guard const lock(mutex_);
    notes_.suspended = std::move(suspended);
  }
  wake_.notify_one();
}

void MapPublisher::set_backlogged(std::set<std::string, std::less<>> sites) {
  {
    std::lock_guard const lock(mutex_);
    notes_.backlogged = std::move(sites);
  }
  wake_.notify_one();
}

void MapPublisher::set_draining(bool is_draining) {
  std::lock_guard const lock(mutex_);
  notes_.is_draining = is_draining;
}

void MapPublisher::beat(TimePoint now) {
  {
    std::lock_guard const lock(mutex_);
    notes_.beat = now;
  }
  wake_.notify_one();
}

void MapPublisher::settle() {
  std::unique_lock lock(mutex_);
  settled_.wait(lock, [this] { return is_idle_ && notes_.is_empty(); });
}

void MapPublisher::work() {
  while (true) {
    Notes notes;
    {
      std::unique_lock lock(mutex_);
      is_idle_ = true;
      settled_.notify_all();
      wake_.wait(lock, [this] { return !notes_.is_empty(); });
      is_idle_ = false;
      notes = std::exchange(notes_, Notes{});
      notes_.is_draining = notes.is_draining;
    }
    if (notes.stop) return;
    apply(notes);
    publish_if_due();
  }
}

void MapPublisher::apply(Notes& notes) {
  if (notes.beat) now_ = *notes.beat;
  state_ = notes.is_draining ? map::State::Draining : map::State::Open;
  if (notes.settings && (!has_settings_ || *notes.settings != settings_)) {
    settings_ = std::move(*notes.settings);
    has_settings_ = doors_are_due_ = is_urgent_ = true;
  } else if (notes.settings) {
    doors_are_due_ = true;  // a reload mends doors even if nothing changed
  }
  for (auto const& [domain, site] : notes.sightings)
    has_news_ |= learned_.learn(domain, site, now_);
  has_news_ |= learned_.expire(now_);
  if (notes.suspended && *notes.suspended != suspended_) {
    suspended_ = std::move(*notes.suspended);
    is_urgent_ = true;
  }
  if (notes.backlogged && *notes.backlogged != backlogged_) {
    backlogged_ = std::move(*notes.backlogged);
    has_news_ = true;
  }
}

void MapPublisher::publish_if_due() {
  if (!has_settings_) return;
  if (doors_are_due_) {
    std::vector<std::string> sites;
    for (auto const& [name, fallback] : settings_.sites) sites.push_back(name);
    auto const made = directory_.make_doors(sites);
    report(made);
    if (!made) return;  // a map must not name doors that do not exist
    doors_are_due_ = false;
  }
  bool const may_tell = after(published_, publish_at_most_every) <= now_;
  bool const is_due = is_urgent_ || (has_news_ && may_tell);
  if (!is_due && directory_.beat(state_, now_)) return;
  auto const done = directory_.publish(map::write_body(content()), state_, now_);
  generation_ = directory_.generation();
  report(done);
  if (!done) {
    doors_are_due_ = is_urgent_ = true;  // everything again with the next beat
    return;
  }
  published_ = now_;
  is_urgent_ = has_news_ = false;
}

map::Content MapPublisher::content() const {
  map::Content content;
  content.default_fallback = suspended_.all ? map::Fallback::Defer : settings_.default_fallback;
  content.short_absence_s = static_cast<std::uint16_t>(
      std::chrono::duration_cast<std::chrono::seconds>(settings_.short_absence).count());
  for (auto const& domain : settings_.excluded_domains)
    content.domains.push_back({domain, map::Origin::Excluded, map::Fallback::Smtp, {}, false});
  auto const is_of_slow = [&](std::string const& site) {
    return settings_.slow_sites.contains(settings_.sites.contains(site) ? site : std::string());
  };
  auto const add = [&](std::string const& domain, map::Origin origin, std::string const& site) {
    auto const named = settings_.sites.find(site);
    auto const own = named != settings_.sites.end() ? named->second : settings_.default_fallback;
    bool const waits = suspended_.all || suspended_.sites.contains(site) ||
                       suspended_.domains.contains(domain) ||
                       settings_.strict_domains.contains(domain);
    auto const limited = settings_.limited_domains.contains(domain) ? map::Fallback::Wait : own;
    content.domains.push_back({domain, origin,
                               waits ? map::Fallback::Defer : stricter(own, limited), site,
                               backlogged_.contains(site) || is_of_slow(site)});
  };
  for (auto const& [name, fallback] : settings_.sites) content.named_sites.push_back(name);
  for (auto const& [domain, site] : settings_.named_domains) add(domain, map::Origin::Named, site);
  for (auto const& [domain, site, used] : learned_.domains())
    add(domain, map::Origin::Learned, site);
  // Behind those that are known: a suspended domain that was never seen has the door of its own
  // hash.
  for (auto const& domain : settings_.strict_domains) add(domain, map::Origin::Learned, domain);
  for (auto const& domain : settings_.limited_domains) add(domain, map::Origin::Learned, domain);
  for (auto const& domain : suspended_.domains) add(domain, map::Origin::Learned, domain);
  return content;
}

void MapPublisher::report(Result<void> const& done) {
  auto const trouble = done ? std::string() : done.error().reason;
  if (trouble == trouble_) return;
  trouble_ = trouble;
  if (!done)
    log_.warning(fmt::format(
        "[postfix] map: {}: Postfix's table answers nothing until this is mended", trouble));
  else
    log_.info(fmt::format("[postfix] map: {} is published", directory_.map_path()));
}

}  // namespace mailpool::manager
