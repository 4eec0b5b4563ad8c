// `poolctl imap` and `poolctl imap connections`, for people.

#include <fmt/format.h>

#include "poolctl/table.h"
#include "poolctl/views.h"
#include "poolctl/words.h"

namespace mailpool::poolctl {
namespace {

Cell number(std::uint64_t n) {
  return {std::to_string(n), n == 0 ? Style::Dim : Style::Plain};
}

std::string discards_of(control::ImapUserStatus const& user) {
  std::string text;
  for (auto const& discard : user.discarded)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", discard.count, discard.reason);
  return text;
}

std::string profile_lines(control::ImapStatus const& status, Screen const& screen) {
  std::string text;
  for (auto const& profile : status.profiles) {
    auto line = fmt::format("{}: {}, {} of {} connections, {} of {} clients", profile.profile,
                            state_text(profile.state), profile.connections, profile.max_connections,
                            profile.clients, profile.max_clients);
    if (profile.waiting != 0) line += fmt::format(", {} waiting", profile.waiting);
    for (auto const& server : profile.servers)
      if (server.state != "open")
        line += fmt::format("; {} is {}: {}", server.server, state_text(server.state),
                            server.last_error);
    text += wrapped(line, screen.width);
  }
  return text;
}

}  // namespace

std::string view(control::ImapStatus const& status, Screen const& screen) {
  if (status.profiles.empty()) return "there is no [imap.NAME] in the configuration\n";
  auto text = profile_lines(status, screen);
  if (status.users.empty()) return text;
  // At 80 columns: who, how they are doing, how long they wait and why. The rest needs more room.
  Table table({{"PROFILE", 2, false, 7, 20},
               {"USER", 0, false, 10, 34},
               {"STATE", 0, false, 4, 14},
               {"ACTIVE", 0, true},
               {"WAIT", 0, true},
               {"IDLE", 1, true},
               {"RESET", 5, true},
               {"CHECK", 7, true},
               {"LOGIN", 4, true},
               {"WAITED", 0, true},
               {"CREATED", 6, true},
               {"REUSED", 6, true},
               {"DISCARDED", 8, false, 16, 60},
               {"LAST ERROR", 0, false, 16, 60}});
  for (auto const& user : status.users)
    table.add({{user.profile},
               {user.authzid.empty() ? user.user : user.user + " as " + user.authzid},
               {state_text(user.state), style_of_state(user.state)},
               number(user.active),
               {std::to_string(user.waiting), user.waiting == 0 ? Style::Dim : Style::Warning},
               number(user.idle),
               number(user.resetting),
               number(user.checking),
               number(user.login),
               {user.waiting == 0 ? "" : to_text(user.longest_wait)},
               number(user.created),
               number(user.reused),
               {discards_of(user), Style::Dim},
               {user.last_error, Style::Warning}});
  return text + "\n" + table.text(screen);
}

std::string view(std::vector<control::ImapConnectionStatus> const& rows, Screen const& screen) {
  if (rows.empty()) return "no connection is open\n";
  Table table({{"PROFILE", 1, false, 8, 20},
               {"USER", 0, false, 14, 34},
               {"SERVER", 2, false, 20, 50},
               {"STATE", 0},
               {"FOR", 2, true},
               {"AGE", 3, true},
               {"USES", 0, true},
               {"PID", 0, true},
               {"DOING", 4, false, 16, 50},
               {"ID", 0, true}});  // what `imap kill` wants
  for (auto const& c : rows)
    table.add({{c.profile},
               {c.user},
               {c.address.empty() ? c.server : fmt::format("{} [{}]", c.server, c.address)},
               {c.state, style_of_state(c.state)},
               {to_text(c.in_state)},
               {to_text(c.age)},
               {std::to_string(c.uses)},
               {c.pid == 0 ? "" : std::to_string(c.pid)},
               {c.doing, Style::Dim},
               {std::to_string(c.id)}});
  return table.text(screen);
}

}  // namespace mailpool::poolctl
