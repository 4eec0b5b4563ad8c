#pragma once
// What is known of IMAP servers beyond the end of the process.

#include <optional>
#include <string>

namespace mailpool::imap {

class Memory {
 public:
  virtual ~Memory() = default;
  /// What a server offered after the last login of a profile (Capabilities::to_record), so that the
  /// first client after a restart is told as much as every other.
  [[nodiscard]] virtual std::optional<std::string> capabilities(std::string const& place) = 0;
  virtual void keep_capabilities(std::string const& place, std::string record) = 0;
};

}  // namespace mailpool::imap
