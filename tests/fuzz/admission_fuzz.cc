// Feeds frames to both ends of the milter's protocol: what is understood reads the same again, and
// nothing asked or answered can break a log line or a reply.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/admission/protocol.h"
#include "core/base/text.h"

using namespace mailpool;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const octets(reinterpret_cast<char const*>(data), size);
  // The size must be the same whatever part of the frame is there.
  auto const whole = admission::frame_size(octets);
  if (whole && *whole && **whole > admission::header_size + admission::most_payload) std::abort();
  if (whole && *whole && *admission::frame_size(octets.substr(0, admission::header_size)) != *whole)
    std::abort();
  auto const frame = whole && *whole ? octets.substr(0, **whole) : octets;

  if (auto const question = admission::parse_question(frame)) {
    if (question->recipients == 0 || question->domain.size() > admission::longest_domain ||
        !is_ascii(question->domain))
      std::abort();
    if (admission::to_octets(*question) != frame) std::abort();
  }
  if (auto const answer = admission::parse_answer(frame)) {
    if (answer->text.find_first_of("\r\n") != std::string::npos) std::abort();
    if (admission::to_octets(*answer) != frame) std::abort();
  }
  return 0;
}
