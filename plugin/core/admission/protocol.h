#pragma once
// How mailpool-milter asks mailpoold whether there is room, and how it is answered: small frames on
// the control socket, which mailpoold tells from lines of JSON by their first octet.
//
//   octet   0        1     2        3     4 5   6 7     8 ...
//           NUL      'm'   version  kind  id    size    payload of that size
//
//   question  recipients (2), domain (1 + n), tenant (1 + n)
//   answer    verdict (1), milliseconds to remember it for (4), text (2 + n)
//
// Numbers are big-endian, texts have their size before them. A frame of another version is answered
// with an empty one of kind "not understood", which carries the answerer's version, and ends the
// connection, as does anything else that is no question. Both ends bound what they read.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace mailpool::admission {

inline constexpr std::uint8_t protocol_version = 1;
inline constexpr char first_octet = '\0';
inline constexpr std::size_t header_size = 8;
inline constexpr std::size_t most_payload = 1024;
inline constexpr std::size_t longest_domain = 255;
inline constexpr std::size_t longest_tenant = 64;
inline constexpr std::size_t longest_text = 512;

/// May this many recipients be taken?
struct Question {
  std::uint16_t id = 0;  ///< comes back in the answer
  std::uint16_t recipients = 1;
  std::string domain;  ///< canonical; "" asks about the tenant alone
  std::string tenant;  ///< "" where none is known
  bool operator==(Question const&) const = default;
};

enum class Verdict : std::uint8_t {
  Room = 0,
  Full = 1,       ///< beyond an accept_rate
  Suspended = 2,  ///< and [milter] on_suspended is "tempfail"
};

struct Answer {
  std::uint16_t id = 0;
  Verdict verdict = Verdict::Room;
  std::uint32_t keep_for = 0;  ///< milliseconds; 0: this answer counted, the next must be asked for
  std::string text;            ///< why not, for the sender: one printable line; "" for room
  bool operator==(Answer const&) const = default;
};

[[nodiscard]] std::string to_octets(Question const& question);
[[nodiscard]] std::string to_octets(Answer const& answer);
/// What is sent for a frame that was not understood.
[[nodiscard]] std::string not_understood();

/// The size of the whole frame that `octets` begin with, once its header is there; nothing before.
/// An error if no frame of this version begins so, or it is larger than one may be.
[[nodiscard]] Result<std::optional<std::size_t>> frame_size(std::string_view octets);
/// `frame` is one whole frame, as frame_size() measured it.
[[nodiscard]] Result<Question> parse_question(std::string_view frame);
[[nodiscard]] Result<Answer> parse_answer(std::string_view frame);

}  // namespace mailpool::admission
