#pragma once
// What a client sends after DATA, up to the final dot: unstuffed, with every line end a CRLF (RFC
// 5321 4.5.2, 2.3.8).
//
// The data end with the five octets CR LF . CR LF (or . CR LF at the very beginning) and with
// nothing else, so that this decoder and a stricter or laxer one in front of it can never disagree
// about where a message ends (CVE-2023-51764). A dot is unstuffed behind a CRLF only. What is
// content but not a line end of RFC 5321 becomes one:
//
//   bare LF                          -> CRLF
//   one or more CRs, bare            -> CRLF
//   CR CR LF, whatever the number    -> CRLF    (a text-mode accident; an empty line there would
//   end the header early)
//
// NUL is passed on and reported. The result does not depend on how the octets were cut into pieces.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mailpool::wire {

/// Takes the decoded content, in order, in pieces as large as the input allows; a CRLF is never
/// split.
class ContentSink {
 public:
  virtual ~ContentSink() = default;
  virtual void on_content(std::string_view octets) = 0;
};

class DotDecoder {
 public:
  /// Decodes up to the final dot; the number of octets taken: less than given only where the data
  /// ended.
  std::size_t decode(std::string_view octets, ContentSink& sink);
  [[nodiscard]] bool is_finished() const { return state_ == State::Finished; }
  [[nodiscard]] bool has_nul() const { return has_nul_; }
  /// Some line of the content begins with a dot.
  [[nodiscard]] bool has_leading_dot() const { return has_leading_dot_; }

 private:
  enum class State : std::uint8_t {
    LineStart,  ///< behind CRLF, or at the very beginning: a dot has a meaning here
    SoftStart,  ///< behind a line end of our making: a dot is content
    Text,       ///< inside a line
    Cr,         ///< behind one or more CRs inside a line
    Dot,        ///< behind a dot at LineStart
    DotCr,      ///< behind that dot and a CR
    Finished,
  };
  class Input;
  void decode_text(Input& in, ContentSink& sink);
  void decode_cr(Input& in, ContentSink& sink);
  void decode_dot(Input& in);
  void decode_dot_cr(Input& in, ContentSink& sink);

  State state_ = State::LineStart;
  bool has_nul_ = false;
  bool has_leading_dot_ = false;
};

}  // namespace mailpool::wire
