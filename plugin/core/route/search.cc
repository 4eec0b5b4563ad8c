#include "core/route/search.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/route/mx_hosts.h"
#include "core/route/no_route.h"
#include "core/route/selection.h"
#include "core/route/static_routes.h"
#include "core/route/targets.h"

namespace mailpool::route {
namespace {

std::vector<Host> as_hosts(std::vector<MxRecord> const& records) {
  std::vector<Host> hosts;
  hosts.reserve(records.size());
  for (auto const& record : records) {
    Host host;
    host.name = record.host;
    host.preference = record.preference;
    hosts.push_back(std::move(host));
  }
  return hosts;
}

}  // namespace

Waiter::Waiter(Search& search, RouteListener& listener) : search_(&search), listener_(listener) {
  search.waiters_.push_back(this);
}

Waiter::~Waiter() {
  if (search_ != nullptr) search_->waiters_.remove(this);
}

struct Search::Lookup final : AddressListener {
  Lookup(Search& s, std::size_t h) : search(s), host(h) {}
  void on_addresses(AddressAnswer answer) override { search.on_addresses(host, answer); }

  Search& search;
  std::size_t host;
  std::unique_ptr<Question> question;
};

struct Search::Tlsa final : TlsaEvents {
  Tlsa(Search& s, Host const& host) : search(s), questions(host, *s.around_.resolver, *this) {}
  void on_tlsa(tls::HostFacts facts, Duration ttl) override {
    search.on_tlsa(std::move(facts), ttl);
  }

  Search& search;
  TlsaSearch questions;
};

Search::Search(std::string domain, TimePoint asked, SearchEvents& events)
    : domain_(std::move(domain)), asked_(asked), events_(events) {}

Search::~Search() {
  for (auto* waiter : waiters_) waiter->search_ = nullptr;
}

void Search::start(Surroundings const& around) {
  around_ = around;
  mx_question_.reset();
  mx_answer_.reset();
  lookups_.clear();
  tlsa_.clear();
  sts_question_.reset();
  security_ = {};
  security_.domain = domain_;
  unanswered_ = 0;
  known_.reset();
  ttl_ = longest_ttl;
  Origin origin;
  origin.domain = domain_;
  if (auto const* entry = static_route(around.settings->routes, domain_)) {
    origin.route_key = entry->first;
    return begin_with(hosts_of(entry->second), origin);
  }
  if (auto literal = host_of_literal(domain_, around.settings->smtp.port); !literal.empty())
    return begin_with(std::move(literal), origin);
  is_asking_ = true;
  auto question = around_.resolver->mx(domain_, *this);
  is_asking_ = false;
  if (mx_answer_) return take_mx();
  mx_question_ = std::move(question);
}

void Search::on_mx(MxAnswer answer) {
  mx_answer_ = std::move(answer);
  if (!is_asking_) take_mx();
}

void Search::take_mx() {
  ttl_ = std::min(ttl_, mx_answer_->ttl);
  security_.mx_is_secure = mx_answer_->secure;
  Origin origin;
  origin.domain = domain_;
  origin.is_implicit = mx_answer_->status == DnsStatus::NoData;
  auto records = mx_hosts(domain_, std::move(*mx_answer_));
  if (!records) return refuse(std::move(records.error()));
  auto site = around_.sites->choose(domain_, as_hosts(*records), {});
  auto const port = site.settings->port;
  settle_site(std::move(site));
  origin.all_hosts = records->size();
  keep_few_hosts(*records, most_hosts_asked, around_.salt);
  origin_ = std::move(origin);
  hosts_ = as_hosts(*records);
  for (auto& host : hosts_) host.port = port;
  look_up_addresses();
}

void Search::settle_site(SiteChoice site) {
  ip_ = site.settings->ip;
  prohibited_ = site.settings->prohibited;
  auto const of_domain = around_.settings->domains.find(domain_);
  tls_ = of_domain == around_.settings->domains.end()
             ? site.settings->tls
             : of_domain->second.tls.value_or(site.settings->tls);
  site_ = std::move(site);
  site_.settings = nullptr;
}

// Hosts that somebody wrote down: in [route], or as an address literal.
void Search::begin_with(std::vector<Host> hosts, Origin origin) {
  if (hosts.empty()) return refuse(no_route::route_without_address(domain_, origin.route_key));
  auto site = around_.sites->choose(domain_, hosts, origin.route_key);
  if (origin.route_key.empty()) hosts.front().port = site.settings->port;
  settle_site(std::move(site));
  if (hosts.size() > most_hosts_asked) hosts.resize(most_hosts_asked);
  origin.all_hosts = hosts.size();
  security_.is_configured = true;
  origin_ = std::move(origin);
  hosts_ = std::move(hosts);
  look_up_addresses();
}

void Search::look_up_addresses() {
  is_asking_ = true;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (!hosts_[i].addresses.empty()) continue;  // written as an address
    if (wants_v4(ip_)) ask(i, IpAddress::Family::V4);
    if (wants_v6(ip_)) ask(i, IpAddress::Family::V6);
  }
  is_asking_ = false;
  if (unanswered_ == 0) take_addresses();
}

void Search::ask(std::size_t host, IpAddress::Family family) {
  auto& lookup = lookups_.emplace_back(*this, host);
  ++unanswered_;
  lookup.question = around_.resolver->addresses(hosts_[host].name, family, lookup);
}

void Search::on_addresses(std::size_t host, AddressAnswer const& answer) {
  assert(unanswered_ > 0 && "each question is answered once");
  --unanswered_;
  note_answer(hosts_[host], answer);
  if (answer.status == DnsStatus::Answer || answer.status == DnsStatus::NoData ||
      answer.status == DnsStatus::NoName)
    ttl_ = std::min(ttl_, answer.ttl);
  if (!is_asking_ && unanswered_ == 0) take_addresses();
}

void Search::take_addresses() {
  bool const is_partial =
      std::any_of(hosts_.begin(), hosts_.end(), [](Host const& h) { return h.failed; });
  if (is_partial) ttl_ = std::min(ttl_, partial_ttl);
  host_names_.clear();
  for (auto const& host : hosts_) host_names_.push_back(host.name);
  HostRules const rules{ip_, prohibited_, *around_.own};
  auto usable = usable_hosts(origin_, std::move(hosts_), rules);
  if (!usable) return refuse(std::move(usable.error()));
  keep_few_addresses(*usable, ip_, around_.salt);
  hosts_ = std::move(*usable);
  look_up_security();
}

void Search::look_up_security() {
  bool const asks_dane =
      tls_ == TlsLevel::Dane || tls_ == TlsLevel::DaneOnly || tls_ == TlsLevel::Auto;
  bool const asks_sts =
      tls_ == TlsLevel::Auto && !security_.is_configured && around_.sts != nullptr;
  is_asking_ = true;
  if (asks_dane)
    for (auto const& host : hosts_) {
      ++unanswered_;
      tlsa_.emplace_back(*this, host).questions.start();
    }
  if (asks_sts) {
    ++unanswered_;
    auto question = around_.sts->find(domain_, *this);
    if (question) sts_question_ = std::move(question);
  }
  is_asking_ = false;
  if (unanswered_ == 0) finish_found();
}

void Search::on_tlsa(tls::HostFacts facts, Duration ttl) {
  assert(unanswered_ > 0 && "each question is answered once");
  --unanswered_;
  ttl_ = std::min(ttl_, ttl);
  security_.hosts.push_back(std::move(facts));
  if (!is_asking_ && unanswered_ == 0) finish_found();
}

void Search::on_sts(tls::StsPolicy policy) {
  assert(unanswered_ > 0 && "each question is answered once");
  --unanswered_;
  security_.sts = std::move(policy);
  if (!is_asking_ && unanswered_ == 0) finish_found();
}

void Search::finish_found() {
  auto route = std::make_shared<Route>();
  route->site = std::move(site_.name);
  route->is_named_site = site_.is_named;
  route->why_this_site = std::move(site_.why);
  route->hosts = std::move(host_names_);
  route->targets = targets_of(hosts_);
  if (!route->is_named_site)
    for (auto& target : route->targets) target.site = around_.sites->site_of_host(target.host);
  route->security = std::make_shared<tls::RouteFacts const>(std::move(security_));
  route->expires = after(asked_, lifetime_found(ttl_));
  auto const expires = route->expires;
  finish({std::move(route), expires});
}

void Search::refuse(Outcome outcome) {
  auto const expires = after(asked_, lifetime_of(outcome, ttl_));
  finish({tl::make_unexpected(std::move(outcome)), expires});
}

void Search::finish(Known known) {
  known_ = std::move(known);
  events_.on_found(*this);
}

void tell(Known const& known, RouteListener& listener, Random& random) {
  if (known.finding) {
    listener.on_route(shuffled(*known.finding, random));
  } else {
    listener.on_no_route(Outcome(known.finding.error()));
  }
}

Known Search::take_known() {
  assert(known_ && "asked for in on_found");
  return std::move(*known_);
}

void Search::answer(Known const& known, Random& random) {
  // A listener may drop any waiter, this one included: each leaves the list before its listener is
  // called.
  while (!waiters_.empty()) {
    auto* const waiter = waiters_.front();
    waiters_.pop_front();
    waiter->search_ = nullptr;
    tell(known, waiter->listener_, random);
  }
}

}  // namespace mailpool::route
