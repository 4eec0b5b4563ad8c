#pragma once
// A body as it goes out behind DATA: dots stuffed, ended by a line with a lone dot (RFC
// 5321 4.5.2, 4.1.1.4).

#include <cstddef>
#include <span>
#include <string_view>

namespace mailpool::wire {

/// Encodes a body whose lines end with CRLF (see Body), in pieces of any size.
class DotEncoder {
 public:
  /// Encodes from the front of `body`, as much as fits into `out`; the number of octets written.
  /// `body` is shortened by what was taken, and then empty, or `out` has less than two octets left.
  std::size_t encode(std::string_view& body, std::span<char> out);

  /// What ends the data after all of the body was encoded: ".CRLF", with a CRLF before it where the
  /// last line was not ended.
  [[nodiscard]] std::string_view terminator() const;
  /// The same, for a body without leading dots that went out as it is.
  [[nodiscard]] static std::string_view terminator_after(std::string_view last_octets);

 private:
  bool is_line_start_ = true;
};

}  // namespace mailpool::wire
