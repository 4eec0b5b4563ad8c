#pragma once
// The body on its way out, by DATA or as one BDAT chunk (RFC 5321 4.1.1.4, RFC 3030), piece by
// piece.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/message/body.h"
#include "core/wire/dot_stream.h"

namespace mailpool::smtp {

/// Copies nothing where the body is in memory and needs no dots; else goes through a buffer of its
/// own, held only while it sends.
class Content {
 public:
  enum class Framing : std::uint8_t {
    Dots,   ///< dot-stuffed, ended by a lone dot
    Chunk,  ///< as it is; its length was announced
  };

  /// `body` must outlive the sending.
  void begin(Body const& body, Framing framing);
  /// Nothing left to send: begun and done, or never begun.
  [[nodiscard]] bool is_over() const { return stage_ == Stage::Over; }
  /// The next octets, more of them than nothing; stable until taken(). False if the body cannot be
  /// read.
  [[nodiscard]] bool next(std::string_view& piece);
  /// Whether what next() returned ends with the last octet of all. The lone dot is always a piece
  /// of its own.
  [[nodiscard]] bool is_last() const;
  /// The first `n` octets of the piece are gone.
  void taken(std::size_t n);
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  void stop();

 private:
  enum class Stage : std::uint8_t { Over, Body, Terminator };

  [[nodiscard]] bool load();
  [[nodiscard]] bool load_from_file();
  void after_piece();

  Body const* body_ = nullptr;
  Framing framing_ = Framing::Dots;
  Stage stage_ = Stage::Over;
  std::string_view memory_;   // the body, if it is in memory
  std::uint64_t offset_ = 0;  // of the body, where the next piece begins
  std::uint64_t sent_ = 0;    // octets handed over, dots included
  std::string_view piece_;    // loaded and not yet taken
  char last_ = '\n';          // last octet of the body so far
  wire::DotEncoder dots_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace mailpool::smtp
