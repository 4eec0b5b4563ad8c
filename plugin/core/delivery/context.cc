#include "core/delivery/context.h"

#include <fmt/format.h>

namespace mailpool::delivery {
namespace {

constexpr Duration shortage_rest = std::chrono::seconds(1);
constexpr Duration shortage_logged_every = std::chrono::minutes(1);

}  // namespace

void Context::rest_for_sockets(std::string const& why, bool mail_waits, TimePoint now) {
  if (no_socket_before > now) return;  // one of many that were begun together
  no_socket_before = after(now, shortage_rest);
  why_no_socket = why;
  auto const given_up = mail_waits ? scopes.give_up_idle(now) : 0;
  if (shortage_logged_at != TimePoint{} && now < after(shortage_logged_at, shortage_logged_every))
    return;
  shortage_logged_at = now;
  log.error(
      fmt::format("no socket for a connection to a server: {}; {} idle connection{} given up, new "
                  "ones are tried every second",
                  why, given_up, given_up == 1 ? " is" : "s are"));
}

}  // namespace mailpool::delivery
