#pragma once
// Which names from DNS may be used as hosts: they end up in logs, TLS and SMTP text, so nothing
// else gets past.

#include <string_view>

namespace mailpool::route {

/// Letters, digits, '-' and '_' (seen in practice) in labels of 1..63 octets, 253 in all, no label
/// that begins or ends with '-', and a last label that is not all digits: "192.0.2.1" in an MX
/// record is a mistake, not an address (RFC 1123 2.1). No final dot.
[[nodiscard]] bool is_host_name(std::string_view name);

}  // namespace mailpool::route
