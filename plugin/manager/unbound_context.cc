#include "manager/unbound_context.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "core/base/ip.h"
#include "core/base/text.h"
#include "core/route/dns_wire.h"

namespace mailpool::manager {
namespace {

constexpr auto resolv_conf = "/etc/resolv.conf";

// A library's defaults are for one program's few questions; a mail server has many, some of them to
// dead servers.
constexpr std::array<std::pair<char const*, char const*>, 9> options{{
    {"do-not-query-localhost:", "no"},  // a forwarder on this machine is what many have
    {"outgoing-range:", "256"},
    {"num-queries-per-thread:", "1024"},
    {"outgoing-num-tcp:", "32"},
    {"msg-cache-size:", "4m"},
    {"rrset-cache-size:", "8m"},
    {"edns-buffer-size:", "1232"},
    // libunbound would answer for private and special names by itself (RFC 6303, 6761): whoever
    // runs the DNS servers that are asked decides what such a name is.
    {"unblock-lan-zones:", "yes"},
    {"insecure-lan-zones:", "yes"},
}};

Result<void> checked(int error, std::string_view what) {
  if (error == 0) return {};
  return failed(fmt::format("libunbound: {}: {}", what, ub_strerror(error)));
}

}  // namespace

Result<std::string> forward_address(std::string const& server) {
  std::string_view host = server;
  std::string_view port = "53";
  if (auto const bracket = host.find(']');
      !host.empty() && host.front() == '[' && bracket != std::string_view::npos) {
    if (bracket + 1 < host.size())
      port = host[bracket + 1] == ':' ? host.substr(bracket + 2) : std::string_view();
    host = host.substr(1, bracket - 1);
  } else if (host.find(':') == host.rfind(':') && host.find(':') != std::string_view::npos) {
    port = host.substr(host.find(':') + 1);
    host = host.substr(0, host.find(':'));
  }
  auto const number = to_number(port);
  if (!IpAddress::parse(host) || !number || *number == 0 || *number > 65535)
    return failed(
        fmt::format("[dns] servers: \"{}\" is not an address with a port, as in \"127.0.0.1:53\"",
                    printable(server, 100)));
  return fmt::format("{}@{}", host, *number);
}

Result<std::unique_ptr<UnboundContext>> UnboundContext::make(event_base* base,
                                                             DnsSettings const& settings,
                                                             bool validates) {
  auto* const raw = ub_ctx_create_event(base);
  if (raw == nullptr) return failed("libunbound: no context (out of memory)");
  std::unique_ptr<UnboundContext> context(new UnboundContext(raw));
  if (auto const done = context->set_options(settings, validates); !done)
    return tl::make_unexpected(done.error());
  if (auto const done = context->apply_options(settings); !done)
    return tl::make_unexpected(done.error());
  return context;
}

UnboundContext::~UnboundContext() {
  ub_ctx_delete(context_);
}

Result<void> UnboundContext::set_options(DnsSettings const& settings, bool validates) {
  (void)ub_ctx_debugout(context_,
                        nullptr);  // it would write to stderr; what matters is said in our words
  for (auto const& [option, value] : options)
    if (auto const done = checked(ub_ctx_set_option(context_, option, value), option); !done)
      return done;
  if (auto const done = set_servers(settings); !done) return done;
  if (validates)
    return checked(ub_ctx_add_ta_file(context_, settings.trust_anchor.c_str()),
                   settings.trust_anchor);
  return checked(ub_ctx_set_option(context_, "module-config:", "iterator"), "module-config");
}

Result<void> UnboundContext::set_servers(DnsSettings const& settings) {
  if (settings.servers.empty()) {
    // No such file, or no server in it: libunbound asks the root servers itself, which know
    // nothing of special names.
    has_servers_ = ub_ctx_resolvconf(context_, resolv_conf) == 0;
    return {};
  }
  has_servers_ = true;
  for (auto const& server : settings.servers) {
    auto const address = forward_address(server);
    if (!address) return tl::make_unexpected(address.error());
    if (auto const done = checked(ub_ctx_set_fwd(context_, address->c_str()), server); !done)
      return done;
  }
  return {};
}

// Options take effect, and trust anchors are read, with the first thing asked of the context: here
// the removal of a zone, so that a damaged file shows now. libunbound answers for the special names
// of RFC 6761 and 7686 itself; the DNS servers are asked instead, as the system's resolver does.
Result<void> UnboundContext::apply_options(DnsSettings const& settings) {
  std::vector<char const*> zones{"no-such-zone.invalid."};
  if (has_servers_) zones = {"test.", "invalid.", "onion.", "home.arpa."};
  for (auto const* zone : zones)
    if (auto const done =
            checked(ub_ctx_zone_remove(context_, zone),
                    fmt::format("options, or trust anchor {}", settings.trust_anchor));
        !done)
      return done;
  return {};
}

Result<int> UnboundContext::ask(std::string const& name, std::uint16_t type, void* data,
                                ub_event_callback_type callback) {
  int number = 0;
  int const error =
      ub_resolve_event(context_, name.c_str(), type, route::class_in, data, callback, &number);
  if (error != 0) return failed(fmt::format("libunbound: {}", ub_strerror(error)));
  return number;
}

void UnboundContext::cancel(int number) {
  if (number != 0) (void)ub_cancel(context_, number);
}

}  // namespace mailpool::manager
