#pragma once
// Addresses and options of TCP sockets.

#include <sys/socket.h>

#include <cstdint>
#include <optional>

#include "core/base/ip.h"

namespace mailpool::posix {

/// Fills `out`; returns how much of it the kernel is to look at.
socklen_t to_sockaddr(IpAddress const& address, std::uint16_t port, sockaddr_storage& out);

/// Nothing for null and for other families than IPv4 and IPv6. It need not be aligned.
[[nodiscard]] std::optional<IpAddress> to_ip(sockaddr const* address);

/// For mail's connections: small writes leave at once (TCP_NODELAY), and what is not acknowledged
/// for a minute means that the path is gone; TCP alone would wait a quarter of an hour.
void tune(int fd);

/// A bind() to port 0 leaves the choice of the port to connect(), so that one address can have more
/// connections than ports.
void bind_without_port(int fd);

}  // namespace mailpool::posix
