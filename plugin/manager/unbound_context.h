#pragma once
// One libunbound context on our event loop: its options, its questions, its end.

#include <event2/event.h>
#include <unbound-event.h>
#include <unbound.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/config/settings.h"

namespace mailpool::manager {

/// All options are set before the first question; libunbound takes none later. Must be destroyed
/// before the event base, and never inside one of its own callbacks.
class UnboundContext {
 public:
  /// Forwards to the [dns] servers, else to those of /etc/resolv.conf; without any it asks the root
  /// servers. With `validates`, the trust anchor file is used; a damaged one is an error.
  static Result<std::unique_ptr<UnboundContext>> make(event_base* base, DnsSettings const& settings,
                                                      bool validates);
  ~UnboundContext();
  UnboundContext(UnboundContext const&) = delete;
  UnboundContext& operator=(UnboundContext const&) = delete;

  /// The callback may run before this returns (cached and built-in answers): there is then nothing
  /// to cancel. Otherwise the number to cancel with.
  [[nodiscard]] Result<int> ask(std::string const& name, std::uint16_t type, void* data,
                                ub_event_callback_type callback);
  void cancel(int number);

  /// Questions that are neither answered nor cancelled: counted by the resolver.
  std::size_t pending = 0;

 private:
  explicit UnboundContext(ub_ctx* context) : context_(context) {}
  [[nodiscard]] Result<void> set_options(DnsSettings const& settings, bool validates);
  [[nodiscard]] Result<void> set_servers(DnsSettings const& settings);
  [[nodiscard]] Result<void> apply_options(DnsSettings const& settings);

  ub_ctx* context_;
  bool has_servers_ = false;  ///< of the configuration or the system
};

/// "127.0.0.1:5353", "[2001:db8::1]:53", "192.0.2.1" as libunbound writes servers:
/// "127.0.0.1@5353".
[[nodiscard]] Result<std::string> forward_address(std::string const& server);

}  // namespace mailpool::manager
