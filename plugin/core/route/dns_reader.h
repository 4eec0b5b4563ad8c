#pragma once
// Reads the parts of a DNS message one after another; never outside its bounds.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/route/dns_wire.h"

namespace mailpool::route {

/// A record as it stands in the message. `owner` is a name as below.
struct DnsRecord {
  std::string owner;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  std::size_t rdata = 0;  ///< offset in the message
  std::size_t length = 0;
};

struct DnsMessage {
  Octets octets;
  unsigned rcode = 0;
  std::string asked;  ///< name of the question
  std::vector<DnsRecord> answers;
  std::vector<DnsRecord> authority;
};

/// Header, one question, answer and authority sections; records of another class than IN are
/// skipped. Nothing if malformed.
[[nodiscard]] std::optional<DnsMessage> read_message(Octets octets);

/// A name at `at`, compression undone, as lower-case labels each behind its length, without the
/// final zero: so that a dot inside a label is no border. `at` moves behind it. Pointers go
/// backwards only (RFC 1035 4.1.4: "a prior occurrence"), so there is no loop.
[[nodiscard]] std::optional<std::string> read_name(Octets message, std::size_t& at);

/// With dots; "" is the root. Nothing if a label holds a dot itself; other octets stay as they are.
[[nodiscard]] std::optional<std::string> with_dots(std::string const& labels);

[[nodiscard]] std::optional<std::uint16_t> read_u16(Octets message, std::size_t& at);
[[nodiscard]] std::optional<std::uint32_t> read_u32(Octets message, std::size_t& at);

}  // namespace mailpool::route
