#include "core/control/imap_findings.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

namespace mailpool::control {
namespace {

using Level = Finding::Level;

void add_servers(std::vector<Finding>& to, ImapProfileStatus const& profile) {
  auto is_down = [](ImapServerStatus const& server) { return server.state != "open"; };
  bool const are_all = std::all_of(profile.servers.begin(), profile.servers.end(), is_down);
  for (auto const& server : profile.servers)
    if (is_down(server))
      to.push_back({are_all ? Level::Mistake : Level::Warning, "imap",
                    fmt::format("[imap.{}]: {} is down: {}", profile.profile, server.server,
                                server.last_error),
                    "see whether it can be reached from this host; it is tried again by itself"});
}

void add_certificates(std::vector<Finding>& to, ImapProfileStatus const& profile, WallTime now) {
  for (auto const& server : profile.servers) {
    if (server.certificate_until == WallTime{}) continue;
    auto const day = fmt::format(
        "{:%Y-%m-%d}", fmt::gmtime(std::chrono::system_clock::to_time_t(server.certificate_until)));
    auto const what =
        fmt::format("[imap.{}]: the certificate of {}", profile.profile, server.server);
    if (server.certificate_until <= now)
      to.push_back({Level::Mistake, "imap", fmt::format("{} has expired on {}", what, day),
                    "its operator has to renew it"});
    else if (server.certificate_until - now < server_certificate_ends_soon)
      to.push_back({Level::Warning, "imap", fmt::format("{} ends on {}", what, day),
                    "its operator has to renew it"});
  }
}

void add_room(std::vector<Finding>& to, ImapProfileStatus const& profile) {
  if (profile.waiting != 0 && profile.connections >= profile.max_connections)
    to.push_back({Level::Warning, "imap",
                  fmt::format("[imap.{}]: all {} connections are open and {} programs wait "
                              "(max_connections)",
                              profile.profile, profile.connections, profile.waiting),
                  "raise max_connections, or see who holds them: poolctl imap connections"});
  if (profile.clients >= profile.max_clients)
    to.push_back({Level::Warning, "imap",
                  fmt::format("[imap.{}]: {} programs are connected, and no further one is taken "
                              "(max_clients)",
                              profile.profile, profile.clients),
                  "raise max_clients, or lower client_timeout"});
  if (profile.state == "paused")
    to.push_back({Level::Warning, "imap",
                  fmt::format("[imap.{}] is paused: logins wait", profile.profile),
                  "poolctl imap resume " + profile.profile});
}

}  // namespace

std::vector<Finding> imap_findings(ImapStatus const& status, WallTime now) {
  std::vector<Finding> findings;
  for (auto const& profile : status.profiles) {
    auto const before = findings.size();
    add_servers(findings, profile);
    add_certificates(findings, profile, now);
    add_room(findings, profile);
    if (findings.size() == before)
      findings.push_back({Level::Good, "imap",
                          fmt::format("[imap.{}]: {} of {} connections, {} of {} programs",
                                      profile.profile, profile.connections, profile.max_connections,
                                      profile.clients, profile.max_clients),
                          ""});
  }
  if (status.peers_refused != 0)
    findings.push_back({Level::Warning, "imap",
                        fmt::format("{} IMAP connections came from users not among allow_users",
                                    status.peers_refused),
                        "look into the log for their uids"});
  return findings;
}

}  // namespace mailpool::control
