#include "core/imap/lobby.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/config/host_port.h"

namespace mailpool::imap {
namespace {

// Unless the operator allows each of them more.
constexpr std::uint32_t most_connections = 50;

bool is_loopback(std::string const& host) {
  auto const address = IpAddress::parse(host);
  return host == "localhost" || (address && (IpNetwork::parse("127.0.0.0/8")->contains(*address) ||
                                             IpNetwork::parse("::1/128")->contains(*address)));
}

}  // namespace

bool is_among(std::vector<std::string> const& patterns, std::string_view host, std::uint16_t port) {
  auto const wanted = host_port_text({std::string(host), port});
  return std::any_of(patterns.begin(), patterns.end(), [&](std::string const& pattern) {
    if (!pattern.starts_with("*.")) return pattern == wanted;
    // "*.example.com" is everything below it, not itself.
    auto const end = std::string_view(pattern).substr(1);
    return wanted.size() > end.size() && wanted.ends_with(end);
  });
}

Result<ImapSettings> settings_for(ServerRequest const& request,
                                  ImapDynamicSettings const& dynamic) {
  auto const place = parse_host_port(fmt::format(
      "{}:{}",
      request.host.find(':') == std::string::npos ? request.host : "[" + request.host + "]",
      request.port));
  if (!place) return failed("[CANNOT] That is no server's name");
  if (!is_among(dynamic.servers, place->host, place->port))
    return failed(fmt::format("[NOPERM] {} is not among [imap_dynamic] servers",
                              printable(host_port_text(*place), 300)));
  // What the operator says of all of them; their sockets are not theirs.
  ImapSettings settings = dynamic;
  settings.listen.clear();
  settings.allow_users.clear();
  settings.server = {{place->host, place->port}};
  auto const tls = ascii_lower(request.tls);
  if (tls == name_of(ImapTls::Implicit))
    settings.tls = ImapTls::Implicit;
  else if (tls == name_of(ImapTls::StartTls))
    settings.tls = ImapTls::StartTls;
  else if (tls == name_of(ImapTls::None) && is_loopback(place->host))
    settings.tls = ImapTls::None;
  else
    return failed("[CANNOT] TLS is implicit or starttls; none is for servers on this host");
  auto const most = std::max(most_connections, dynamic.pool_size);
  if (request.pool_size > most)
    return failed(fmt::format("[CANNOT] A program may ask for {} connections (pool_size)", most));
  if (request.pool_size != 0) settings.pool_size = request.pool_size;
  settings.name = fmt::format("dynamic:{}:{}", host_port_text(*place), name_of(settings.tls));
  return settings;
}

Lobby::~Lobby() {
  for (auto& client : clients_) client->drop(TimePoint{});
}

Client& Lobby::admit(Peer peer, TimePoint now) {
  clients_.push_front(
      std::make_unique<Client>(++context_.last_id, peer, Offer(), timeout_, true, *this, now));
  clients_.front()->place = clients_.begin();
  return *clients_.front();
}

void Lobby::on_request(Client& client, TimePoint now) {
  client.refuse("[CANNOT] Name a server with XMAILPOOL first", now);
}

void Lobby::on_server_request(Client& client, TimePoint now) {
  auto const profile = source_.profile_for(client.login().server_request(), now);
  if (!profile) return client.refuse_server(profile.error().reason, now);
  auto const place = client.place;
  auto kept = std::move(*place);
  clients_.erase(place);
  client.choose((*profile)->offer(), now);
  (*profile)->adopt(std::move(kept), now);
}

void Lobby::send_all_away(TimePoint now) {
  std::vector<Client*> all;
  for (auto& client : clients_) all.push_back(client.get());
  for (auto* client : all) client->send_away("mailpool is draining", now);
}

void Lobby::sweep() {
  for (auto* client : std::exchange(gone_, {})) clients_.erase(client->place);
}

}  // namespace mailpool::imap
