#include "core/admission/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "core/base/text.h"

namespace mailpool::admission {
namespace {

enum class Kind : std::uint8_t { Question = 1, Answer = 2, NotUnderstood = 3 };

std::uint8_t octet_at(std::string_view octets, std::size_t at) {
  return static_cast<std::uint8_t>(octets[at]);
}

void put(std::string& to, std::uint32_t number, unsigned octets) {
  for (unsigned left = octets; left > 0; --left)
    to += static_cast<char>(number >> (8U * (left - 1)) & 0xffU);
}

std::string frame(Kind kind, std::uint16_t id, std::string_view payload) {
  assert(payload.size() <= most_payload && "what is asked and answered is bounded");
  std::string octets{first_octet, 'm', static_cast<char>(protocol_version),
                     static_cast<char>(kind)};
  put(octets, id, 2);
  put(octets, static_cast<std::uint32_t>(payload.size()), 2);
  return octets.append(payload);
}

// Reads a payload from its beginning; after what is missing it stays broken.
class Reader {
 public:
  explicit Reader(std::string_view octets) : rest_(octets) {}

  std::uint32_t number(unsigned octets) {
    std::uint32_t value = 0;
    for (auto const c : take(octets)) value = value << 8U | static_cast<std::uint8_t>(c);
    return value;
  }
  std::string text(unsigned size_octets, std::size_t most) {
    std::size_t const size = number(size_octets);
    if (size > most) is_broken_ = true;
    return std::string(take(size));
  }
  /// Everything was there, and nothing is left.
  [[nodiscard]] bool is_whole() const { return !is_broken_ && rest_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (is_broken_ || size > rest_.size()) {
      is_broken_ = true;
      return {};
    }
    auto const taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool is_broken_ = false;
};

bool is_of(std::string_view frame, Kind kind) {
  auto const size = frame_size(frame);
  return size && *size && **size == frame.size() &&
         octet_at(frame, 3) == static_cast<std::uint8_t>(kind);
}

std::uint16_t id_of(std::string_view frame) {
  return static_cast<std::uint16_t>(octet_at(frame, 4) << 8U | octet_at(frame, 5));
}

// Neither can be a line end or worse in the manager's log, nor in a reply.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::string to_octets(Question const& question) {
  assert(question.domain.size() <= longest_domain && question.tenant.size() <= longest_tenant &&
         "names are bounded before they are asked about");
  std::string payload;
  put(payload, question.recipients, 2);
  for (auto const* text : {&question.domain, &question.tenant}) {
    put(payload, static_cast<std::uint32_t>(text->size()), 1);
    payload += *text;
  }
  return frame(Kind::Question, question.id, payload);
}

std::string to_octets(Answer const& answer) {
  std::string payload;
  put(payload, static_cast<std::uint32_t>(answer.verdict), 1);
  put(payload, answer.keep_for, 4);
  auto const text = printable(answer.text, longest_text);
  put(payload, static_cast<std::uint32_t>(text.size()), 2);
  return frame(Kind::Answer, answer.id, payload + text);
}

std::string not_understood() {
  return frame(Kind::NotUnderstood, 0, {});
}

Result<std::optional<std::size_t>> frame_size(std::string_view octets) {
  if (!octets.empty() && octets[0] != first_octet) return failed("no frame begins so");
  if (octets.size() > 1 && octets[1] != 'm') return failed("no frame begins so");
  if (octets.size() > 2 && octet_at(octets, 2) != protocol_version)
    return failed(fmt::format("it speaks version {} of the protocol, this is version {}",
                              octet_at(octets, 2), protocol_version));
  if (octets.size() < header_size) return std::optional<std::size_t>();
  std::size_t const size = std::size_t{octet_at(octets, 6)} << 8U | octet_at(octets, 7);
  if (size > most_payload) return failed("the frame is too large");
  return std::optional(header_size + size);
}

Result<Question> parse_question(std::string_view frame) {
  if (!is_of(frame, Kind::Question)) return failed("it is no question");
  Reader reader(frame.substr(header_size));
  Question question;
  question.id = id_of(frame);
  question.recipients = static_cast<std::uint16_t>(reader.number(2));
  question.domain = reader.text(1, longest_domain);
  question.tenant = reader.text(1, longest_tenant);
  if (!reader.is_whole() || question.recipients == 0 || !is_plain(question.domain) ||
      !is_plain(question.tenant))
    return failed("the question is not what it should be");
  return question;
}

Result<Answer> parse_answer(std::string_view frame) {
  if (is_of(frame, Kind::NotUnderstood)) return failed("it did not understand the question");
  if (!is_of(frame, Kind::Answer)) return failed("it is no answer");
  Reader reader(frame.substr(header_size));
  Answer answer;
  answer.id = id_of(frame);
  auto const verdict = reader.number(1);
  answer.keep_for = reader.number(4);
  answer.text = reader.text(2, longest_text);
  if (!reader.is_whole() || verdict > static_cast<std::uint32_t>(Verdict::Suspended) ||
      printable(answer.text, longest_text) != answer.text)
    return failed("the answer is not what it should be");
  answer.verdict = static_cast<Verdict>(verdict);
  return answer;
}

}  // namespace mailpool::admission
