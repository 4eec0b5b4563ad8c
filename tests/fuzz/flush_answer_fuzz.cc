// What listens on public/flush says whatever it likes: what is garbage stays garbage, an answer has
// one end, and what is asked names a queue id and nothing else.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/parking/flush_protocol.h"
#include "core/parking/register.h"

using namespace mailpool::parking;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_over(WakeAnswer answer) {
  return answer != WakeAnswer::Incomplete;
}

void ask_for(std::string_view id) {
  if (!is_wakeable_id(id)) return;
  require(id.find_first_of(std::string_view("\0/. \r\n", 6)) == std::string_view::npos);
  auto const request = wake_request(id);
  require(request.ends_with(std::string_view("\0\0", 2)));
  std::size_t ends = 0;
  for (char const c : request) ends += c == '\0' ? 1 : 0;
  require(ends == 5);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const heard(reinterpret_cast<char const*>(data), size);
  ask_for(heard);
  auto const whole = read_wake_answer(heard);
  auto last = WakeAnswer::Incomplete;
  for (std::size_t n = 0; n <= size && n <= 200; ++n) {
    auto const answer = read_wake_answer(heard.substr(0, n));
    if (last == WakeAnswer::Garbage) require(answer == WakeAnswer::Garbage);
    // More than an answer is no answer.
    if (last == WakeAnswer::Done || last == WakeAnswer::Refused)
      require(answer == WakeAnswer::Garbage);
    last = answer;
  }
  if (size > 4096) require(is_over(whole));
  return 0;
}
