// What an operator and programs ask a profile, and what an operator does to it.

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/imap/profile.h"
#include "core/wire/imap_scanner.h"

namespace mailpool::imap {

using pool::ConnectionState;

std::string_view Profile::state() const {
  if (is_draining_) return "draining";
  if (is_paused_) return "paused";
  return health_.are_all_down() ? "backing_off" : "open";
}

std::string Profile::pairs_for_id() const {
  std::size_t active = 0;
  for (auto const& [key, user] : users_) active += user->count(ConnectionState::Busy);
  std::string text;
  auto add = [&](std::string_view name, std::string const& value) {
    text += fmt::format(" \"{}\" {}", name, wire::as_quoted(printable(value)).value_or("\"\""));
  };
  add("profile", settings_.name);
  add("state", std::string(state()));
  add("clients", std::to_string(clients()));
  add("waiting", std::to_string(waiting()));
  add("active", std::to_string(active));
  add("idle", std::to_string(idle()));
  add("connections", std::to_string(open()));
  add("max_connections", std::to_string(settings_.max_connections));
  add("pool_size", std::to_string(settings_.pool_size));
  if (health_.are_all_down()) add("last_error", health_.last_error(0));
  return text;
}

bool Profile::kill(std::uint64_t id, TimePoint now) {
  for (auto& [key, user] : users_)
    for (auto state : {ConnectionState::Connecting, ConnectionState::Idle, ConnectionState::Busy,
                       ConnectionState::Checking})
      for (auto const& c : user->connections().in(state)) {
        if (c->id() != id) continue;
        static_cast<Upstream&>(*c).discard(Discard::Killed, now);
        due();
        return true;
      }
  return false;
}

}  // namespace mailpool::imap
