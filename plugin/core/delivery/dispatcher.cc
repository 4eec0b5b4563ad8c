#include "core/delivery/dispatcher.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/delivery/look_up.h"
#include "core/message/address.h"
#include "core/route/static_routes.h"
#include "core/rules/book.h"

namespace mailpool::delivery {
namespace {

constexpr Duration forget_every = std::chrono::minutes(10);
// So much of it at once, and the rest a little later: nobody's mail waits for it.
constexpr std::size_t forget_at_once = 100;
constexpr Duration forget_on_after = std::chrono::milliseconds(20);
// Of those used least recently so many are asked whether they can make room for a new one.
constexpr std::size_t asked_to_go = 50;

Outcome draining() {
  return Outcome::local(451, {4, 3, 2}, "mailpool is draining: try again later");
}

}  // namespace

Dispatcher::Dispatcher(Settings const& settings, route::Router& router, Context& context)
    : settings_(settings), router_(router), context_(context) {
  reconfigure(settings, context.clock.now());
}

Dispatcher::~Dispatcher() {
  for (auto& [name, site] : sites_)
    site->defer_waiting(draining(), parking::Why::Other, context_.clock.now());
  deliveries_.clear();  // leases and permits go before what they belong to
  for (auto& [name, site] : sites_) site->leave_homes();
  context_.sites_with_work.clear();
  sites_.clear();
  context_.buried.clear();
  context_.sites_with_work.clear();  // of sites whose connections' room was offered to others
}

Delivery* Dispatcher::submit(Message message, DeliveryListener& listener, TimePoint now) {
  ++context_.totals.messages;
  context_.totals.recent_messages.add(1, now);
  find_tenant(message.envelope, now);
  deliveries_.push_front(std::make_unique<Delivery>(std::move(message), listener, context_,
                                                    static_cast<TransactionSink&>(*this), now));
  auto& delivery = *deliveries_.front();
  delivery.place = deliveries_.begin();
  if (auto const* held = all_suspended(now))
    delivery.refuse(suspended(all_mail, *held, context_.clock), now);
  else
    delivery.begin(router_, now);
  return &delivery;
}

void Dispatcher::find_tenant(Envelope& envelope, TimePoint now) {
  envelope.sender_domain = domain_of(envelope.sender).value_or("");
  auto found = tenants_.find(envelope, context_.scopes, context_.clock.wall(now));
  envelope.tenant = std::move(found.tenant);
  envelope.campaign = std::move(found.campaign);
  if (!found.doubt.empty())
    context_.log.info(fmt::format("{}: {} is not believed: {}", printable(envelope.queue_id, 64),
                                  seal_header, printable(found.doubt, 200)));
}

void Dispatcher::release(Delivery& delivery, TimePoint now) {
  delivery.forget_listener(now);
  for (auto& transaction : delivery.transactions())
    if (transaction.state != TransactionState::Over && transaction.site != nullptr)
      transaction.site->cancel(transaction, now);
}

void Dispatcher::on_routed(Delivery& delivery, std::string const& domain,
                           std::vector<std::size_t> recipients,
                           std::shared_ptr<route::Route const> route, TimePoint now) {
  auto& site = site_for(*route);
  known_.remember(domain, site, now);
  find_parked(delivery, domain, site, now);
  Transaction pattern;
  pattern.domain = domain;
  pattern.route = route;
  assign_levels(pattern, delivery.message().envelope);
  auto const refusal = refusal_of(pattern, now);
  std::size_t most = std::max<std::uint32_t>(site.settings().max_recipients, 1);
  for (auto const* scope :
       {pattern.levels.domain, pattern.levels.sender_domain, pattern.levels.tenant})
    if (scope != nullptr && scope->max_recipients)
      most = std::min<std::size_t>(most, *scope->max_recipients);
  for (std::size_t from = 0; from < recipients.size(); from += most) {
    auto& transaction = delivery.add_transaction(now);
    transaction.domain = pattern.domain;
    transaction.sender_domain = pattern.sender_domain;
    transaction.tenant = pattern.tenant;
    transaction.campaign = pattern.campaign;
    transaction.route = pattern.route;
    transaction.levels = pattern.levels;
    transaction.priority = pattern.priority;
    transaction.sources = pattern.sources;
    transaction.login = pattern.login;
    auto const to = std::min(recipients.size(), from + most);
    auto const& envelope = delivery.message().envelope;
    auto& wire = transaction.wire;
    wire.sender = envelope.sender;
    wire.body = &delivery.message().body;
    wire.smtputf8 = envelope.smtputf8;
    wire.eight_bit = envelope.eight_bit;
    wire.require_tls = envelope.require_tls;
    wire.dsn_return = envelope.dsn_return;
    wire.dsn_id = envelope.dsn_id;
    wire.success_is_promised = envelope.success_is_promised;
    transaction.recipients.assign(recipients.begin() + static_cast<std::ptrdiff_t>(from),
                                  recipients.begin() + static_cast<std::ptrdiff_t>(to));
    transaction.address(envelope);
    transaction.site = &site;
    if (refusal) {
      site.refuse(transaction, refusal->outcome, why_of(*refusal), now);
    } else {
      site.enqueue(transaction, now);
    }
  }
}

std::optional<Refusal> Dispatcher::refusal_of(Transaction const& transaction, TimePoint now) const {
  if (context_.is_draining) return Refusal{draining(), "draining", never};
  if (auto const* all = all_suspended(now))
    return Refusal{suspended(all_mail, *all, context_.clock), "suspended", all->until};
  auto const& levels = transaction.levels;
  for (auto const* scope : {levels.domain, levels.tenant})
    if (scope != nullptr && scope->is_suspended(now))
      return Refusal{suspended(scope == levels.domain ? scope->name() : scope->title(),
                               *scope->suspension, context_.clock),
                     "suspended", scope->suspension->until};
  if (auto const* hold = context_.campaigns.held(transaction.campaign, now))
    return Refusal{suspended("campaign " + transaction.campaign, *hold, context_.clock),
                   "suspended", hold->until};
  return std::nullopt;
}

Transaction Dispatcher::probe(std::string const& domain, std::shared_ptr<route::Route const> route,
                              Envelope const& envelope) {
  Transaction transaction;
  transaction.domain = domain;
  transaction.site = &site_for(*route);
  transaction.tls = std::make_shared<tls::Policies const>(
      policies_of(domain, *route, transaction.site->settings(), context_.tls));
  transaction.route = std::move(route);
  transaction.recipients = {0};
  assign_levels(transaction, envelope);
  return transaction;
}

void Dispatcher::assign_levels(Transaction& transaction, Envelope const& envelope) {
  auto& scopes = context_.scopes;
  auto& levels = transaction.levels;
  transaction.sender_domain = envelope.sender_domain;
  transaction.tenant = envelope.tenant;
  transaction.campaign = envelope.campaign;
  levels.total = &scopes.total();
  auto const of_domain = limits_.find(transaction.domain);
  if (of_domain != limits_.end()) levels.domain = &of_domain->second;
  auto* const sender = scopes.find_sender_domain(envelope.sender_domain);
  if (sender != nullptr) levels.sender_domain = &sender->scope;
  auto* const tenant = envelope.tenant.empty() ? nullptr : scopes.find_tenant(envelope.tenant);
  if (tenant != nullptr) {
    levels.tenant = &tenant->scope;
    transaction.priority = tenant->priority;
  }
  // The most particular wins.
  transaction.sources = tenant != nullptr ? tenant->sources : nullptr;
  if (transaction.sources == nullptr && sender != nullptr) transaction.sources = sender->sources;
  if (transaction.sources == nullptr)
    transaction.sources = scopes.find_group(settings_for(transaction.route->site).source);
  transaction.login = login_for(transaction.domain, envelope.sender_domain);
}

// A login is used at hosts of its own route alone: nobody's MX hosts are ever shown one.
LoginUse Dispatcher::login_for(std::string const& domain, std::string const& sender_domain) const {
  if (settings_.route_logins.empty()) return {};
  auto const* const entry = route::static_route(settings_.routes, domain);
  if (entry == nullptr) return {};
  auto const login = settings_.route_logins.find(entry->first);
  if (login == settings_.route_logins.end()) return {};
  auto const chosen = settings_.sender_domains.find(sender_domain);
  if (chosen == settings_.sender_domains.end() || chosen->second.login.empty())
    return {login->second, {}};
  return {chosen->second.login, sender_domain};
}

void Dispatcher::logins_changed(TimePoint now) {
  for (auto& [name, site] : sites_) site->try_parked(now);
}

void Dispatcher::run(TimePoint now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    auto* site = due_.begin()->second;
    due_.erase(due_.begin());
    scheduled_.erase(site);
    if (site->deadline() <= now) site->pump(now);
    schedule(*site);
    note_busy(*site);
  }
  // A pump may give other sites something to do (a domain's permit given back), hence in rounds.
  while (has_work()) {
    for (auto* site : std::exchange(context_.sites_with_work, {})) {
      site->pump(now);
      schedule(*site);
      note_busy(*site);
    }
  }
  context_.parking.entries.expire(now);
  if (now >= next_domain_wakes_) wake_domains(now);
  for (auto& [domain, suspension] : std::exchange(context_.domains_to_suspend, {}))
    suspend_domain(domain, std::move(suspension), now);
  for (auto& [source, suspension] : std::exchange(context_.sources_to_suspend, {}))
    if (auto const& before = source->scope.suspension; !before || before->until < suspension.until)
      suspend_source(source->name(), std::move(suspension), now);
  if (now >= next_forgetting_) forget_unused(now);
}

void Dispatcher::schedule(Site& site) {
  auto const at = site.deadline();
  if (at == never) return;
  auto const [known, is_new] = scheduled_.emplace(&site, at);
  if (!is_new) {
    // Earlier is what matters; a time that comes too early finds nothing to do and schedules anew.
    if (known->second <= at) return;
    due_.erase({known->second, &site});
    known->second = at;
  }
  due_.insert({at, &site});
}

void Dispatcher::note_busy(Site& site) {
  if (!site.is_quiet()) {
    busy_.insert(&site);
  } else if (busy_.erase(&site) > 0) {
    site.rest();
  }
}

TimePoint Dispatcher::deadline() const {
  if (has_work()) return context_.clock.now();
  auto const next =
      std::min({next_forgetting_, next_domain_wakes_, context_.parking.entries.deadline()});
  return due_.empty() ? next : std::min(due_.begin()->first, next);
}

void Dispatcher::sweep() {
  std::exchange(context_.buried, {}).clear();
  context_.scopes.forget_unused_hosts();
  for (auto* delivery : std::exchange(context_.over, {})) deliveries_.erase(delivery->place);
}

Site& Dispatcher::site_for(route::Route const& route) {
  // The site itself is used last, so that what its hosts belong to does not take its place.
  std::vector<Site*> homes;
  for (auto const& target : route.targets)
    if (!target.site.empty()) homes.push_back(&site_called(target.site, true));
  auto& site = site_called(route.site, route.is_named_site);
  for (auto* const home : homes) site.belong_to(*home);
  return site;
}

Site& Dispatcher::site_called(std::string const& name, bool is_named) {
  if (auto* site = find(name)) {
    by_use_.splice(by_use_.begin(), by_use_, site->place);
    return *site;
  }
  if (sites_.size() >= most_sites) make_room_for_a_site(context_.clock.now());
  auto site = std::make_unique<Site>(name, is_named, section_for(name), context_);
  auto& made = *site;
  site_index_.emplace(made.name(), &made);
  made.place = by_use_.insert(by_use_.begin(), &made);
  restore_periods(made);
  sites_.emplace(name, std::move(site));
  return made;
}

// Automatic sites share the options of [smtp]; a name without a dot may get a section at a reload.
std::string Dispatcher::section_name(std::string const& site) const {
  bool const is_automatic = site.find_first_of(".+") != std::string::npos;
  return is_automatic ? std::string() : site;
}

SiteSettings const& Dispatcher::section_for(std::string const& site) {
  auto const name = section_name(site);
  return sections_.try_emplace(name, settings_for(name)).first->second;
}

SiteSettings const& Dispatcher::settings_for(std::string const& site) const {
  auto const named = settings_.sites.find(site);
  return named == settings_.sites.end() ? settings_.smtp : named->second.settings;
}

Site* Dispatcher::find(std::string const& name) {
  auto const it = site_index_.find(name);
  return it == site_index_.end() ? nullptr : it->second;
}

Site const* Dispatcher::find_site(std::string_view name) const {
  auto const it = sites_.find(name);
  return it == sites_.end() ? nullptr : it->second.get();
}

void Dispatcher::keep_times_of(std::string_view site) {
  if (auto const it = sites_.find(site); it != sites_.end()) it->second->keep_times();
}

Site const* Dispatcher::site_of_domain(std::string const& domain) const {
  return known_.site_of(domain);
}

site::Scope const* Dispatcher::limits_of(std::string const& domain) const {
  auto const it = limits_.find(domain);
  return it == limits_.end() ? nullptr : &it->second;
}

// Slice by slice: from the site that was not used for longest to the first that was used lately.
void Dispatcher::forget_unused(TimePoint now) {
  if (left_to_ask_ == 0) {
    left_to_ask_ = by_use_.size();
    std::erase_if(suspended_domains_,
                  [&](std::string const& domain) { return !limits_.at(domain).is_suspended(now); });
  }
  left_to_ask_ = std::min(left_to_ask_, by_use_.size());
  for (auto n = std::min(left_to_ask_, forget_at_once); n > 0; --n, --left_to_ask_) {
    auto& site = *by_use_.back();
    if (!site.is_unused(now)) {
      left_to_ask_ = 0;
      break;
    }
    if (site.is_forgettable()) {
      forget(site);
    } else {
      by_use_.splice(by_use_.begin(), by_use_, site.place);
    }
  }
  next_forgetting_ = after(now, left_to_ask_ == 0 ? forget_every : forget_on_after);
}

void Dispatcher::make_room_for_a_site(TimePoint) {
  auto it = by_use_.end();
  for (std::size_t n = 0; n < asked_to_go && it != by_use_.begin(); ++n)
    if (auto& site = **--it; site.is_forgettable()) return forget(site);
}

// A site goes with its domains; both come back with the next message.
void Dispatcher::forget(Site& site) {
  known_.forget_all_of(site);
  if (site.is_counted() && std::erase(context_.counted, &site) > 0) site.keep_counts();
  if (auto const at = scheduled_.find(&site); at != scheduled_.end()) {
    due_.erase({at->second, &site});
    scheduled_.erase(at);
  }
  if (!context_.sites_with_work.empty()) std::erase(context_.sites_with_work, &site);
  busy_.erase(&site);
  by_use_.erase(site.place);
  site_index_.erase(site.name());
  sites_.erase(sites_.find(site.name()));
}

site::Scope& Dispatcher::domain_scope(std::string const& domain) {
  return limits_.try_emplace(domain, site::Level::Domain, domain).first->second;
}

bool Dispatcher::flush(std::string const& name, std::string_view reason, TimePoint now) {
  auto* site = find(name);
  if (site == nullptr) return false;
  site->flush(reason, now);
  return true;
}

void Dispatcher::drain(TimePoint now) {
  context_.is_draining = true;
  for (auto& [name, site] : sites_) {
    site->defer_waiting(draining(), parking::Why::Draining, now);
    site->flush("drain", now);
  }
}

void Dispatcher::undrain(TimePoint now) {
  context_.is_draining = false;
  try_parked(now);
}

void Dispatcher::stop(TimePoint now) {
  context_.is_draining = true;
  for (auto& delivery : deliveries_)
    delivery->end_questions(Outcome::local(451, {4, 3, 2}, "mailpool is stopping"), now);
  for (auto& [name, site] : sites_) site->stop(now);
}

void Dispatcher::reconfigure(Settings const& settings, TimePoint now) {
  settings_ = settings;
  rules_ = std::make_unique<rules::Book const>(settings.rules);
  context_.rules = rules_.get();
  context_.hostname = settings.hostname;
  context_.logins.reconfigure(settings.logins);
  context_.max_wait = settings.lmtp.max_wait;
  context_.parking.slots = settings.lmtp.slots;
  context_.parking.entries.reconfigure(settings.lmtp.max_parked);
  context_.scopes.reconfigure(settings, now);
  tenants_.set_trust_unsigned(settings.lmtp.trust_unsigned_tenant);
  // Entries are kept for permits that are out; a domain without a section has no limits.
  for (auto& [domain, limits] : limits_) limits.reconfigure({}, now);
  for (auto const& [domain, of_domain] : settings.domains)
    domain_scope(domain).reconfigure(of_domain, now);
  context_.tls.domains.clear();
  for (auto const& [domain, of_domain] : settings.domains)
    if (of_domain.tls || !of_domain.tls_match.empty())
      context_.tls.domains[domain] = {of_domain.tls, of_domain.tls_match};
  auto const before = sections_;
  for (auto& [name, section] : sections_) section = settings_for(name);
  for (auto& [name, site] : sites_) site->reconfigure(before.at(section_name(name)), now);
}

std::size_t Dispatcher::in_flight() const {
  std::size_t n = 0;
  for (auto const* site : busy_) n += site->in_flight();
  return n;
}

std::size_t Dispatcher::waiting() const {
  std::size_t n = 0;
  for (auto const* site : busy_) n += site->waiting().size();
  return n;
}

}  // namespace mailpool::delivery
