#include "core/delivery/scopes.h"

#include <algorithm>
#include <utility>

#include "core/delivery/smtp_connection.h"

namespace mailpool::delivery {
namespace {

template <class Map>
auto* pointer_in(Map const& map, std::string const& name) {
  auto const it = map.find(name);
  return it == map.end() ? nullptr : it->second.get();
}

template <class T, class Map>
T& made_in(Map& map, std::string const& name) {
  auto& place = map[name];
  if (!place) {
    if constexpr (std::is_constructible_v<T, std::string>)
      place = std::make_unique<T>(name);
    else
      place = std::make_unique<T>();
  }
  return *place;
}

}  // namespace

void Scopes::reconfigure(Settings const& settings, TimePoint now) {
  total_.reconfigure(settings.total, now);
  reconfigure_sources(settings, now);
  for (auto& [domain, known] : sender_domains_) {
    known->scope.reconfigure({}, now);
    known->sources = nullptr;
  }
  for (auto const& [domain, of_domain] : settings.sender_domains) {
    auto& known = made_in<SenderDomain>(sender_domains_, domain);
    known.scope.reconfigure(of_domain, now);
    known.sources = find_group(of_domain.source);
  }
  tenant_of_.clear();
  for (auto& [name, known] : tenants_) {
    known->scope.reconfigure({}, now);
    known->sources = nullptr;
    known->priority = usual_priority;
    known->is_configured = false;
  }
  for (auto const& [name, of_tenant] : settings.tenants) {
    auto& known = tenant(name);
    known.scope.reconfigure(of_tenant, now);
    known.sources = find_group(of_tenant.source);
    known.priority = of_tenant.priority;
    known.is_configured = true;
    for (auto const& domain : of_tenant.sender_domains) tenant_of_.emplace(domain, &known);
  }
}

void Scopes::reconfigure_sources(Settings const& settings, TimePoint now) {
  for (auto& [name, source] : sources_) source->reconfigure({}, now);
  for (auto& [name, group] : groups_) group->reconfigure({});
  for (auto const& [name, of_source] : settings.sources) {
    auto& source = made_in<site::Source>(sources_, name);
    source.reconfigure(of_source, now);
    made_in<site::SourceGroup>(groups_, name).reconfigure({{&source, 1}});
  }
  for (auto const& [name, pool] : settings.pools) {
    std::vector<site::SourceGroup::Member> members;
    for (auto const& [source, weight] : pool.sources)
      if (auto* const known = find_source(source)) members.push_back({known, weight});
    made_in<site::SourceGroup>(groups_, name).reconfigure(std::move(members), pool.spill);
  }
}

Tenant* Scopes::find_tenant(std::string const& name) const {
  return pointer_in(tenants_, name);
}

Tenant* Scopes::tenant_of(std::string const& sender_domain) const {
  auto const it = tenant_of_.find(sender_domain);
  return it == tenant_of_.end() ? nullptr : it->second;
}

Tenant& Scopes::tenant(std::string const& name) {
  return made_in<Tenant>(tenants_, name);
}

SenderDomain* Scopes::find_sender_domain(std::string const& domain) const {
  return pointer_in(sender_domains_, domain);
}

site::Source* Scopes::find_source(std::string const& name) const {
  return pointer_in(sources_, name);
}

site::SourceGroup* Scopes::find_group(std::string const& name) const {
  return name.empty() ? nullptr : pointer_in(groups_, name);
}

site::ConcurrencyLimit& Scopes::host(IpAddress const& address, std::uint16_t port) {
  return hosts_[{address, port}];
}

void Scopes::forget_unused_hosts() {
  for (auto const& host : std::exchange(perhaps_unused_, {})) {
    auto const it = hosts_.find(host);
    if (it != hosts_.end() && it->second.in_use() == 0 && it->second.waiters() == 0)
      hosts_.erase(it);
  }
}

std::uint32_t Scopes::open_to(IpAddress const& address, std::uint16_t port) const {
  auto const it = hosts_.find({address, port});
  return it == hosts_.end() ? 0 : it->second.in_use();
}

void Scopes::make_room(site::ConcurrencyLimit const& limit, TimePoint now) {
  if (!limit.is_wanted_by_others(nobody_, false)) return;
  auto const oldest = std::find_if(idle.begin(), idle.end(), [&](SmtpConnection* c) {
    return c->is_counted_by(limit) && c->is_spare();
  });
  if (oldest != idle.end()) (*oldest)->leave("max_connections", now);
}

std::size_t Scopes::give_up_idle(TimePoint now) {
  std::vector<SmtpConnection*> spare;
  for (auto* connection : idle)
    if (connection->is_spare()) spare.push_back(connection);
  spare.resize((spare.size() + 3) / 4);
  for (auto* connection : spare) connection->leave("descriptors", now);
  return spare.size();
}

}  // namespace mailpool::delivery
