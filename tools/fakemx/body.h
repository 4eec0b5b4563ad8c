#pragma once
// The content of a message as it comes in: end of data, dots, digests, and what a client must not
// send.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/sha256.h"

namespace mailpool::fakemx {

/// What no client may put into a body (RFC 5321 2.3.8, 4.1.1.4, 4.5.2), counted by octet.
struct BodyFaults {
  std::uint64_t bare_cr = 0;
  std::uint64_t bare_lf = 0;
  std::uint64_t nul = 0;
  std::uint64_t unstuffed_dots = 0;  ///< lines that begin with a dot that was not doubled
  bool eight_bit = false;
};

/// The digest of a body without the Received fields that stand before all else: each hop adds one,
/// so that this digest alone is the same at both ends.
class TracelessDigest {
 public:
  void restart();
  void add(std::string_view octets);
  [[nodiscard]] net::Sha256::Digest finish();

 private:
  enum class Where : std::uint8_t { LineStart, InTrace, Behind };
  /// Takes octets of the trace, or finds that it is over; what is left.
  std::string_view skip_trace(std::string_view octets);
  void judge_line_start();

  net::Sha256 sha_;
  Where where_ = Where::LineStart;
  bool seen_received_ = false;
  std::string held_;  ///< the beginning of a line, until it is known whether it is a Received field
};

/// Takes the octets of a body; knows its digests and its faults.
class BodyReader {
 public:
  /// With `keep`, content() holds the body; with `traceless`, the second digest is made.
  void restart(bool keep, bool traceless);
  /// Octets of the content, dots already unstuffed.
  void add(std::string_view octets);
  /// Behind the last octet.
  void finish();

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] net::Sha256::Digest const& digest() const { return digest_; }
  [[nodiscard]] net::Sha256::Digest const& digest_without_received() const { return traceless_; }
  [[nodiscard]] std::string const& content() const { return content_; }
  [[nodiscard]] BodyFaults& faults() { return faults_; }

 private:
  void inspect(std::string_view octets);

  net::Sha256 sha_;
  TracelessDigest traceless_digest_;
  bool keep_ = false;
  bool with_traceless_ = false;
  bool after_cr_ = false;
  std::uint64_t size_ = 0;
  net::Sha256::Digest digest_{};
  net::Sha256::Digest traceless_{};
  std::string content_;
  BodyFaults faults_;
};

/// RFC 5321 4.5.2: only CRLF.CRLF ends the data; a dot at the start of a line is taken away. A line
/// starts behind CRLF, not behind a bare LF.
class DotReader {
 public:
  void restart() { state_ = State::LineStart; }
  /// Takes octets up to and including the end of data, gives the content to `body`; how many octets
  /// were taken.
  std::size_t take(std::string_view octets, BodyReader& body);
  [[nodiscard]] bool at_end() const { return state_ == State::End; }

 private:
  enum class State : std::uint8_t { LineStart, InLine, Cr, Dot, DotCr, End };
  std::size_t take_line_part(std::string_view octets, BodyReader& body);
  void take_octet(char c, BodyReader& body);

  State state_ = State::LineStart;
};

}  // namespace mailpool::fakemx
