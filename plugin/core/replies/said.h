#pragma once
// A reply taken apart, as rules of classes look at it.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/message/outcome.h"
#include "core/message/remark.h"

namespace mailpool::replies {

/// When in the conversation a reply was said, finer than Step: what rules call `stage`.
enum class Stage : std::uint8_t { Connect, Ehlo, StartTls, Auth, Mail, Rcpt, Data, EndOfData, Any };
[[nodiscard]] std::string_view name_of(Stage stage);
[[nodiscard]] std::optional<Stage> stage_named(std::string_view name);
[[nodiscard]] Stage stage_of(Step step);

/// RFC 3463: class, subject, detail.
using Enhanced = std::array<std::uint16_t, 3>;
/// "5.7.26" and nothing behind it; class 2, 4 or 5.
[[nodiscard]] std::optional<Enhanced> enhanced_of(std::string_view text);

struct Said {
  Stage stage = Stage::Any;
  std::string code;  ///< three digits
  std::optional<Enhanced> enhanced;
  std::string text;  ///< behind the codes, without echoes, at most 512 octets
  std::string site;  ///< the [site.NAME] that it was said by, or ""
};

/// What the server says of its own: what stands in <> with an @ or a [ in it, and words with an @,
/// are echoes of what we sent, and are cut down to "<>" and "@".
[[nodiscard]] std::string without_echoes(std::string_view text);

/// From the parts of a table. Where `enhanced` is empty, one that stands in the text and agrees
/// with the code (RFC 2034, section 4) is taken; one that does not agree is none.
[[nodiscard]] Said said_of(Stage stage, std::string_view code, std::string_view enhanced,
                           std::string_view text);
/// From a line such as "421 4.7.0 Try again later".
[[nodiscard]] Said said_of(Stage stage, std::string_view line);
/// The remote's words in an outcome; nothing where it has none (Outcome::remote()).
[[nodiscard]] std::optional<Said> said_of(Outcome const& outcome);

}  // namespace mailpool::replies
