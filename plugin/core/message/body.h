#pragma once
// The content of a message, kept once for all its recipients.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace mailpool {

/// Where the octets of one body are kept: in memory, or in an unlinked file. Written once, front to
/// back, then only read.
class BodyStorage {
 public:
  enum class Append : std::uint8_t {
    Ok,
    MemoryLimit,  ///< [lmtp] memory_limit is reached
    DiskFull,     ///< the temporary file could not be written
  };

  virtual ~BodyStorage() = default;
  [[nodiscard]] virtual Append append(std::string_view octets) = 0;
  /// False: what was appended has not reached the disk yet; wait before taking more from the
  /// client. Never a refusal.
  [[nodiscard]] virtual bool wants_more() const { return true; }
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// The whole content if it is in memory, else empty. Stable from the last append on, as long as
  /// the storage lives.
  [[nodiscard]] virtual std::string_view memory() const = 0;
  /// Copies from `offset` into `to`; the number of octets copied, 0 at the end, -1 if the file
  /// cannot be read.
  [[nodiscard]] virtual std::ptrdiff_t read(std::uint64_t offset, std::span<char> to) const = 0;
};

/// Makes storage; the manager's implementation keeps memory_limit and spill_above.
class BodyStore {
 public:
  virtual ~BodyStore() = default;
  /// `expected` octets as announced by SIZE=, 0 if unknown: a hint, never a promise.
  virtual std::unique_ptr<BodyStorage> make(std::uint64_t expected) = 0;
};

/// A finished body: lines end with CRLF and nothing else is a bare CR, LF or NUL; dots are not
/// stuffed; empty is possible; a last line always ends with CRLF.
struct Body {
  std::unique_ptr<BodyStorage> storage;
  bool has_eight_bit = false;    ///< some octet is above 127
  bool has_leading_dot = false;  ///< some line begins with a dot, so DATA must stuff
  bool has_utf8_header =
      false;  ///< some octet above 127 stands in the header section (RFC 6531 asks for SMTPUTF8)

  [[nodiscard]] std::uint64_t size() const { return storage ? storage->size() : 0; }
};

}  // namespace mailpool
