#include "milter/tenants.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool::milter {

Tenants::Tenants(Settings const& settings)
    : campaign_header_(settings.milter.campaign_header),
      header_clients_(settings.milter.header_clients) {
  constexpr std::string_view header = "header:";
  for (auto const& source : settings.milter.tenant_from) {
    if (source == "login") {
      order_.push_back(Source::Login);
    } else if (source == "client") {
      order_.push_back(Source::Client);
    } else {
      order_.push_back(Source::Header);
      headers_.push_back(source.substr(header.size()));
    }
  }
  for (auto const& [name, tenant] : settings.tenants) {
    for (auto const& login : tenant.logins) tenant_of_login_.emplace(ascii_lower(login), name);
    for (auto const& network : tenant.clients) tenant_of_client_.emplace_back(network, name);
  }
}

bool Tenants::believes_headers_of(Client const& client) const {
  if (client.is_local_submission) return true;
  return client.address &&
         std::any_of(header_clients_.begin(), header_clients_.end(),
                     [&](auto const& network) { return network.contains(*client.address); });
}

std::optional<std::string> Tenants::before_headers(Client const& client) const {
  for (auto const source : order_) {
    if (source == Source::Header && believes_headers_of(client)) return std::nullopt;
    auto name = source == Source::Login    ? by_login(client.login)
                : source == Source::Client ? by_client(client)
                                           : std::string();
    if (!name.empty()) return name;
  }
  return std::string();
}

std::string Tenants::with_headers(Client const& client,
                                  std::vector<std::string> const& named) const {
  bool const is_believed = believes_headers_of(client);
  std::size_t header = 0;
  for (auto const source : order_) {
    std::string name;
    if (source == Source::Login) name = by_login(client.login);
    if (source == Source::Client) name = by_client(client);
    if (source == Source::Header) {
      if (is_believed) name = named.at(header);
      ++header;
    }
    if (!name.empty()) return name;
  }
  return {};
}

std::string Tenants::by_login(std::string const& login) const {
  auto const found = tenant_of_login_.find(ascii_lower(login));
  return found == tenant_of_login_.end() ? std::string() : found->second;
}

std::string Tenants::by_client(Client const& client) const {
  if (!client.address || client.is_local_submission) return {};
  for (auto const& [network, name] : tenant_of_client_)
    if (network.contains(*client.address)) return name;
  return {};
}

}  // namespace mailpool::milter
