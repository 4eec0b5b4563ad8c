#pragma once
// Taking secrets out of text that somebody else wrote, who may have been told them: a server that
// repeats a login in its refusal, whole, cut, split over lines, in other letters or encodings.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/secret.h"

namespace mailpool {

/// Holds copies of what it looks for; they are zeroed when it goes.
class Redaction {
 public:
  /// A piece of this many letters, digits and octets above 127 is recognised, whatever stands
  /// between them; a shorter one tells nobody much.
  static constexpr std::size_t piece = 5;
  /// A password of one letter would redact half of what a server says.
  static constexpr std::size_t shortest = 4;

  Redaction() = default;
  ~Redaction();
  Redaction(Redaction const&) = delete;
  Redaction& operator=(Redaction const&) = delete;
  Redaction(Redaction&&) = default;
  Redaction& operator=(Redaction&&) = default;

  /// A secret, and so its base64 (alone, or as the end of something longer) and its hexadecimal.
  void add(std::string_view secret);
  /// The text with "?" for each run of pieces; the letters' case and what is no letter make no
  /// difference. Takes time in proportion to the text.
  [[nodiscard]] std::string apply(std::string_view text) const;

 private:
  void add_pieces(std::string_view form);

  std::vector<Secret> whole_;          // for those too short to have pieces
  std::vector<std::uint64_t> pieces_;  // sorted
};

}  // namespace mailpool
