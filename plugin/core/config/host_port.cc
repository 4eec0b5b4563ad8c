#include "core/config/host_port.h"

#include <fmt/format.h>

#include <optional>

#include "core/base/ip.h"
#include "core/base/text.h"
#include "core/config/quotes.h"
#include "core/message/address.h"

namespace mailpool {
namespace {

struct Pieces {
  std::string_view host;
  std::string_view port;
  bool in_brackets = false;
  bool has_port = false;
};

// A bare IPv6 address has several colons; where brackets are missing, nobody can say which one
// starts the port.
Pieces take_apart(std::string_view text) {
  Pieces pieces;
  if (!text.empty() && text.front() == '[') {
    auto const end = text.find(']');
    if (end == std::string_view::npos) return {text, {}, false, false};
    pieces = {text.substr(1, end - 1), text.substr(end + 1), true, false};
    if (!pieces.port.empty() && pieces.port.front() == ':') {
      pieces.port.remove_prefix(1);
      pieces.has_port = true;
    } else if (!pieces.port.empty()) {
      return {text, {}, false, false};
    }
    return pieces;
  }
  auto const colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find(':') != colon) return {text, {}, false, false};
  return {text.substr(0, colon), text.substr(colon + 1), false, true};
}

std::optional<std::uint16_t> port_number(std::string_view digits) {
  auto const number = to_number(digits);
  if (!number || *number < 1 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

// The address a bracketed or bare host stands for; brackets are for IPv6 and IPv6 with a port is
// for brackets.
std::optional<IpAddress> address_in(Pieces const& pieces) {
  auto const address = IpAddress::parse(pieces.host);
  if (address && pieces.in_brackets == address->is_v4()) return std::nullopt;
  return address;
}

}  // namespace

Result<RouteHost> parse_host_port(std::string_view text) {
  auto const pieces = take_apart(text);
  if (!pieces.has_port) return failed(in_quotes(text) + " has no port");
  auto const port = port_number(pieces.port);
  if (!port)
    return failed(fmt::format("{}: {} is not a port", in_quotes(text), in_quotes(pieces.port)));
  if (auto const address = address_in(pieces)) return RouteHost{address->to_string(), *port};
  auto const name = pieces.in_brackets || IpAddress::parse(pieces.host)
                        ? Result<std::string>(failed(""))
                        : canonical_domain(pieces.host);
  if (!name) return failed(in_quotes(text) + " names no host");
  return RouteHost{*name, *port};
}

Result<RouteHost> parse_address_port(std::string_view text, std::uint16_t default_port) {
  if (auto const bare = IpAddress::parse(text); bare && default_port != 0)
    return RouteHost{bare->to_string(), default_port};
  auto const pieces = take_apart(text);
  auto const address = address_in(pieces);
  if (!address) return failed(in_quotes(text) + " is not an IP address with a port");
  if (!pieces.has_port && default_port != 0) return RouteHost{address->to_string(), default_port};
  auto const port = pieces.has_port ? port_number(pieces.port) : std::nullopt;
  if (!port)
    return failed(fmt::format("{}: {} is not a port", in_quotes(text), in_quotes(pieces.port)));
  return RouteHost{address->to_string(), *port};
}

std::string host_port_text(RouteHost const& host) {
  bool const is_v6 = host.host.find(':') != std::string::npos;
  return is_v6 ? fmt::format("[{}]:{}", host.host, host.port)
               : fmt::format("{}:{}", host.host, host.port);
}

}  // namespace mailpool
